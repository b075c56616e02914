import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { drawRemaining, residualOf } from './residual.ts';
import { RingWindow } from './ring-window.ts';

function windowOf(values: readonly number[]): RingWindow {
  const window = new RingWindow(64);
  for (const value of values) window.push(value);
  return window;
}

const rank = fc.integer({ min: 0, max: 999 }).map((n) => n / 1000);
const ranks = fc.tuple(rank, rank).map((pair) => pair.sort((a, b) => a - b));
const windows = fc.array(fc.nat({ max: 5_000 }), { maxLength: 80 }).map(windowOf);
const elapsed = fc.nat({ max: 8_000 });

describe('drawRemaining', () => {
  it('gives each value its share of ranks, from the value itself to a little above it', () => {
    const residual = residualOf(windowOf([10, 20, 30, 40]), 0);
    assert.deepEqual(
      [0, 1 / 8, 1 / 4, 5 / 8, 3 / 4, 0.99].map((u) => drawRemaining(residual, u)),
      [10, 11, 20, 31, 40, 40],
    );
  });

  it('draws only from what is longer than what has elapsed', () => {
    const residual = residualOf(windowOf([1, 2, 3, 100, 200, 300]), 50);
    assert.equal(drawRemaining(residual, 0), 50);
    assert.equal(drawRemaining(residual, 0.5), 160);
  });

  it('goes on beyond the longest time known once fewer than three are left', () => {
    const residual = residualOf(windowOf([10, 20, 30, 40]), 25);
    assert.equal(drawRemaining(residual, 0), 15);
    assert.ok(drawRemaining(residual, 0.99) > 40 * 20, 'a heavy tail');
    assert.equal(drawRemaining(residualOf(windowOf([10, 20, 30]), 90), 0), 0);
  });

  it('is finite, never negative, and grows with the rank, for any window and age', () => {
    fc.assert(
      fc.property(windows, elapsed, ranks, (window, elapsedMs, pair) => {
        const residual = residualOf(window, elapsedMs);
        const [low, high] = pair.map((u) => drawRemaining(residual, u));
        assert.ok(Number.isFinite(high) && low! >= 0 && low! <= high!, `${low} ${high}`);
      }),
    );
  });
});
