import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { RingWindow } from './ring-window.ts';
import { countAtMost } from './sorted-window.ts';

const numbers = fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 });

describe('RingWindow', () => {
  it('holds the latest values in both orders, whatever was pushed', () => {
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 10 }), (values, capacity) => {
        const window = new RingWindow(capacity);
        for (const value of values) window.push(value);
        const kept = values.slice(-capacity);
        assert.deepEqual(window.values(), kept);
        assert.deepEqual(
          [...window.sorted.subarray(0, window.count)],
          kept.toSorted((a, b) => a - b),
        );
        assert.equal(window.total, values.length);
        assert.equal(window.largest, Math.max(0, ...kept));
        for (const limit of [-1, 0, 7, 20]) {
          assert.equal(countAtMost(window, limit), kept.filter((value) => value <= limit).length);
        }
      }),
    );
  });

  it('goes on as before when it was made again from its values', () => {
    fc.assert(
      fc.property(numbers, numbers, (before, after) => {
        const window = new RingWindow(8);
        for (const value of before) window.push(value);
        const copy = RingWindow.of({ capacity: 8, values: window.values(), total: window.total });
        for (const value of after) {
          window.push(value);
          copy.push(value);
        }
        assert.deepEqual(copy.values(), window.values());
        assert.deepEqual(copy.sorted, window.sorted);
        assert.equal(copy.total, window.total);
      }),
    );
  });
});
