import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Estimator } from './estimator.ts';
import { seededRandom } from './seeded-random.fixture.ts';

function node(): Estimator {
  const estimator = new Estimator({ random: seededRandom(5), isShared: true });
  estimator.setSlots(2);
  return estimator;
}

/** Runs `count` operations of `ms`, each with an estimate at its start. */
function run(estimator: Estimator, count: number, ms: number): void {
  for (let i = 0; i < count; i += 1) {
    const id = `${ms}-${i}-${estimator.newsCount}`;
    const at = i * 1_000;
    estimator.onSubmit({ id, task: 'a', at });
    estimator.onStart({ id, at });
    estimator.onProgress({ id, fraction: 0.5, message: null, at: at + ms / 2 });
    estimator.tell({ id, at: at + ms / 2 });
    estimator.onFinish({ id, at: at + ms });
  }
}

/**
 * Does what EstimateSharing does: merges the shared state with our news on top, and writes it if
 * `wins`.
 */
function share(estimator: Estimator, kept: { text: string | null }, wins = true): void {
  if (kept.text !== null) estimator.mergeLearned(JSON.parse(kept.text));
  const count = estimator.newsCount;
  if (count === 0 || !wins) return;
  kept.text = JSON.stringify(estimator.exportLearned());
  estimator.newsTold(count);
}

describe('What several processes learn', () => {
  it('is in the end the same for all, whoever writes when', () => {
    const kept = { text: null as string | null };
    const [one, two, three] = [node(), node(), node()];
    run(one, 10, 400);
    run(two, 20, 800);
    share(one, kept);
    share(two, kept, false);
    run(two, 5, 800);
    share(two, kept);
    run(one, 3, 400);
    share(one, kept);
    for (const estimator of [two, three]) share(estimator, kept);
    assert.equal(one.durations('a', [0.5])?.samples, 38);
    assert.deepEqual(two.exportLearned(), one.exportLearned());
    assert.deepEqual(three.exportLearned(), one.exportLearned());
    assert.deepEqual(three.accuracy('a'), one.accuracy('a'));
    assert.ok(one.accuracy('a')!.samples >= 30);
    assert.equal(one.newsCount + two.newsCount, 0);
  });

  it('moves the bounds by the steps of all', () => {
    const kept = { text: null as string | null };
    const [one, two] = [node(), node()];
    run(one, 30, 400);
    run(two, 30, 800);
    const moved = [one, two].map(
      (estimator) => estimator.exportLearned().calibration['running=0'] - 1,
    );
    share(one, kept);
    share(two, kept);
    const all = two.exportLearned().calibration['running=0'] - 1;
    assert.ok(Math.abs(all - (moved[0]! + moved[1]!)) < 1e-9);
  });

  it('is not learned twice by a process that only told of it', () => {
    const api = node();
    run(api, 5, 400);
    const times = api.durations('a', [0.5])?.samples;
    const judged = api.accuracy('a')!.samples;
    api.onSubmit({ id: 'x', task: 'a', at: 0 });
    api.tell({ id: 'x', at: 0 });
    api.onStart({ id: 'x', at: 0 });
    api.onFinish({ id: 'x', at: 9_000, ranHere: false });
    assert.equal(api.durations('a', [0.5])?.samples, times);
    assert.equal(api.accuracy('a')?.samples, judged + 1);
  });
});
