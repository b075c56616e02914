import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RetryAfter } from './retry-after.ts';
import { seededRandom } from './seeded-random.fixture.ts';

const hour = Array<number>(64).fill(3_600_000);

function retryAfter(p: { pollsPerSecond?: number; random?: () => number } = {}): RetryAfter {
  return new RetryAfter({ random: () => 0, pollsPerSecond: 1_000, capMs: 60_000, ...p });
}

describe('RetryAfter', () => {
  it('rounds seconds up and never says 0', () => {
    const known = { now: 0, ageMs: 0, remaining: Array<number>(64).fill(0), stalled: false };
    assert.deepEqual(retryAfter().next(known), { ms: 400, seconds: 1 });
    const blind = { now: 0, ageMs: 4_300, remaining: null, stalled: false };
    assert.deepEqual(retryAfter().next(blind), { ms: 2_150, seconds: 3 });
  });

  it('never asks to wait longer than the cap, and exactly so long while the queue is stalled', () => {
    const cap = { ms: 60_000, seconds: 60 };
    assert.deepEqual(retryAfter().next({ now: 0, ageMs: 0, remaining: hour, stalled: false }), cap);
    assert.deepEqual(retryAfter().next({ now: 0, ageMs: 0, remaining: null, stalled: true }), cap);
  });

  it('spreads by up to 0.2 %, later only', () => {
    const blind = { now: 0, ageMs: 20_000, remaining: null, stalled: false };
    const waits = [0, 0.5, 0.999999].map((u) => retryAfter({ random: () => u }).next(blind).ms);
    assert.deepEqual(waits, [10_000, 10_010, 10_020]);
  });

  it('puts polls off that would be more than the budget of their second', () => {
    const busy = retryAfter({ pollsPerSecond: 50, random: seededRandom(7) });
    const seconds = new Map<number, number>();
    for (let i = 0; i < 5_000; i += 1) {
      const { ms } = busy.next({ now: 250, ageMs: 0, remaining: null, stalled: false });
      const second = Math.floor((250 + ms) / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    // 95 % of it.
    assert.equal(Math.max(...seconds.values()), 48);
    assert.equal(Math.max(...seconds.keys()), 2 + Math.floor(5_000 / 48));
  });
});
