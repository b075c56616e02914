import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EstimatorPredictor } from '../bench/estimates/estimator-predictor.ts';
import { everyTwoSeconds } from '../bench/estimates/pollers.ts';
import { replay } from '../bench/estimates/replay.ts';
import { scoreEta } from '../bench/estimates/score-eta.ts';
import { scorePolls } from '../bench/estimates/score-poll.ts';
import type { TraceOperation } from '../bench/estimates/trace.ts';
import { coursesOf } from '../bench/estimates/virtual-queue.ts';
import { seededRandom } from '../src/core/estimator/seeded-random.fixture.ts';

/**
 * Three tasks in a queue of four workers that are nine tenths busy. `shift`: one of them takes
 * three times as long from the middle on.
 */
function load(p: { count: number; shift: boolean; seed: number }): TraceOperation[] {
  const random = seededRandom(p.seed);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let submitAt = 0;
  return Array.from({ length: p.count }, (_, i) => {
    submitAt += Math.round(-Math.log(1 - random()) * 9_000);
    const kind = Math.floor(random() * 3);
    const middle = [4_000, 20_000, 60_000][kind] as number;
    const slower = p.shift && kind === 1 && i > p.count / 2 ? 3 : 1;
    const serviceMs = Math.round(middle * slower * Math.exp(0.4 * normal()));
    return { submitAt, task: `t${kind}`, serviceMs };
  });
}

function score(p: { count: number; shift: boolean; seed: number }) {
  const courses = coursesOf(load(p), 4);
  const ours = new EstimatorPredictor({ random: seededRandom(p.seed), workers: 4 });
  const { predictions, polls } = replay(courses, ours, ours.poller);
  return {
    ...scoreEta({ courses, predictions, warmup: 0.1 }),
    polls: scorePolls({ courses, polls, warmup: 0.1 }),
  };
}

describe('estimates in a replay', () => {
  it('are kept nine times of ten, at submit and in flight', () => {
    const { submit, inFlight } = score({ count: 1_800, shift: false, seed: 1 });
    for (const { cov90 } of [submit, inFlight]) {
      assert.ok(cov90 > 0.87 && cov90 < 0.93, String(cov90));
    }
    assert.ok(submit.cov50 > 0.44 && submit.cov50 < 0.56, String(submit.cov50));
  });

  it('come back to nine of ten after a task has become three times slower', () => {
    const { submit } = score({ count: 1_800, shift: true, seed: 3 });
    assert.ok(submit.cov90 > 0.86 && submit.cov90 < 0.94, String(submit.cov90));
  });

  it('cost few polls and little lag', () => {
    const { polls } = score({ count: 800, shift: false, seed: 4 });
    assert.equal(polls.count, 720);
    assert.ok(polls.pollsPerOperation < 9, String(polls.pollsPerOperation));
    assert.ok(polls.relativeLag < 0.16, String(polls.relativeLag));
  });
});

describe('the scores', () => {
  /** Exponential times, whose quantiles are known: 60 ln 2 and 60 ln 10 s. */
  const random = seededRandom(5);
  const trace = Array.from({ length: 10_000 }, (_, i) => ({
    submitAt: i * 1000,
    task: 'a',
    serviceMs: Math.round(-60_000 * Math.log(1 - random())),
  }));
  const courses = coursesOf(trace, trace.length);

  it('know a true prediction by its coverage and its pinball loss', () => {
    const predictions = courses.map(({ row, submitAt }) => ({
      row,
      at: submitAt,
      p50At: submitAt + 60_000 * Math.LN2,
      p90At: submitAt + 60_000 * Math.LN10,
    }));
    const { submit } = scoreEta({ courses, predictions, warmup: 0 });
    assert.ok(Math.abs(submit.cov90 - 0.9) < 0.01 && Math.abs(submit.cov50 - 0.5) < 0.015);
    assert.ok(Math.abs(submit.pinball90 - 0.1 * Math.LN10) < 0.01, String(submit.pinball90));
  });

  it('know what polling every two seconds costs', () => {
    const silent = {
      submitted: () => undefined,
      started: () => undefined,
      finished: () => undefined,
      predict: () => null,
    };
    const { polls } = replay(courses, silent, everyTwoSeconds);
    const scored = scorePolls({ courses, polls, warmup: 0 });
    assert.ok(Math.abs(scored.lagMean - 1) < 0.03, String(scored.lagMean));
    assert.ok(Math.abs(scored.pollsPerOperation - 30.5) < 1, String(scored.pollsPerOperation));
  });
});
