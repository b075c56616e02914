import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CompletionEstimate } from './completion-estimate.ts';
import { Estimator } from './estimator.ts';
import { seededRandom } from './seeded-random.fixture.ts';

/**
 * An estimator that has seen 100 operations of 10..20 s in random order; `busy` of its `slots` are
 * taken.
 */
function taught(slots: number, busy: number): Estimator {
  const estimator = new Estimator({ random: seededRandom(3) });
  estimator.setSlots(slots);
  for (let i = 0; i < 100; i += 1) {
    estimator.onSubmit({ id: `past-${i}`, task: 'reports', at: -20_000 });
    estimator.onStart({ id: `past-${i}`, at: -10_000 - ((i * 37) % 100) * 100 });
    estimator.onFinish({ id: `past-${i}`, at: 0 });
  }
  for (let i = 0; i < busy; i += 1) {
    estimator.onSubmit({ id: `busy-${i}`, task: 'reports', at: 0 });
    estimator.onStart({ id: `busy-${i}`, at: 0 });
  }
  return estimator;
}

function told(
  estimator: Estimator,
  id: string,
  { at, priority = 0 }: { readonly at: number; readonly priority?: number },
): CompletionEstimate {
  estimator.onSubmit({ id, task: 'reports', priority, at });
  const estimate = estimator.tell({ id, at });
  assert.ok(estimate.known);
  return estimate;
}

describe('Estimates of operations just submitted', () => {
  it('are shared by those that come soon after to nearly the same place, each with its own instants', () => {
    const estimator = taught(64, 0);
    const first = told(estimator, 'a', { at: 1_000 });
    estimator.onStart({ id: 'a', at: 1_000 });
    const second = told(estimator, 'b', { at: 1_100 });
    assert.deepEqual(
      [second.p50At - first.p50At, second.p90At - first.p90At, second.startsAt],
      [100, 100, 1_100],
    );
    estimator.onStart({ id: 'b', at: 1_100 });
    for (let i = 0; i < 64; i += 1) {
      estimator.onSubmit({ id: `long${i}`, task: 'reports', at: -900_000 });
      estimator.onStart({ id: `long${i}`, at: -900_000 });
      estimator.onFinish({ id: `long${i}`, at: 1_100 });
    }
    const third = told(estimator, 'c', { at: 1_200 });
    assert.equal(third.p50At - first.p50At, 200);
    const late = told(estimator, 'd', { at: 1_300 });
    assert.ok(late.p50At > first.p50At + 300_000, 'a quarter of a second is over');
  });

  it('are not shared with one that has to wait, nor across a quarter of a round', () => {
    const estimator = taught(4, 4);
    const waits = told(estimator, 'a', { at: 1_000 });
    assert.ok(waits.startsAt > 1_000);
    const next = told(estimator, 'b', { at: 1_000 });
    assert.ok(next.startsAt > waits.startsAt, 'one more is ahead of it');
    assert.equal(next.queuePosition, 1);
    const urgent = told(estimator, 'c', { at: 1_000, priority: 9 });
    assert.equal(urgent.queuePosition, 0);
    assert.ok(urgent.startsAt < next.startsAt);
  });

  it('are forgotten when the slots change', () => {
    const estimator = taught(64, 0);
    told(estimator, 'a', { at: 1_000 });
    estimator.setSlots(0);
    estimator.onSubmit({ id: 'b', task: 'reports', at: 1_001 });
    assert.equal(estimator.tell({ id: 'b', at: 1_001 }).known, false);
  });

  it('come with the wait that belongs to them, each with a place of its own in the budget', () => {
    const estimator = new Estimator({ random: seededRandom(5), pollsPerSecond: 1 });
    estimator.setSlots(64);
    estimator.setTask('reports', { declaredMs: 9_000, concurrency: null, keyConcurrency: null });
    const seconds = new Set<number>();
    for (let i = 0; i < 20; i += 1) {
      told(estimator, `a${i}`, { at: 1_000 });
      seconds.add(Math.floor((1_000 + estimator.retryAfter({ id: `a${i}`, at: 1_000 }).ms) / 1000));
    }
    assert.equal(seconds.size, 20);
  });
});

describe('Accuracy', () => {
  it('judges the first estimate that was told, over the latest operations of a task', () => {
    const estimator = taught(64, 0);
    assert.equal(estimator.accuracy('reports'), null);
    for (const [i, took] of [1_000, 15_000, 60_000].entries()) {
      const { p50At } = told(estimator, `a${i}`, { at: 1_000 });
      estimator.onStart({ id: `a${i}`, at: 1_000 });
      assert.ok(p50At > 12_000 && p50At < 18_000);
      estimator.tell({ id: `a${i}`, at: 1_500 });
      estimator.onFinish({ id: `a${i}`, at: 1_000 + took });
    }
    const { samples, withinBound, errorMedian } = estimator.accuracy('reports')!;
    assert.equal(samples, 3);
    assert.ok(Math.abs(withinBound - 2 / 3) < 1e-9);
    assert.ok(errorMedian > 0.5 && errorMedian < 0.9, 'of 14 s told for 60 s');
    const other = new Estimator({ random: seededRandom(1) });
    other.importLearned(JSON.parse(JSON.stringify(estimator.exportLearned())));
    assert.deepEqual(other.accuracy('reports'), estimator.accuracy('reports'));
  });
});
