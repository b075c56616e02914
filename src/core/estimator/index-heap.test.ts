import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { IndexHeap } from './index-heap.ts';

describe('IndexHeap', () => {
  it('gives items by key, equal keys by item, and -1 when it is empty', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 9 })), (keys) => {
        const heap = new IndexHeap();
        for (const [item, key] of keys.entries()) heap.push(key, item);
        const sorted = [...keys.entries()].sort(([i, a], [j, b]) => a - b || i - j);
        assert.equal(heap.topKey, sorted[0]?.[1] ?? Infinity);
        assert.deepEqual(
          keys.map(() => heap.pop()),
          sorted.map(([item]) => item),
        );
        assert.equal(heap.pop(), -1);
        assert.equal(heap.size, 0);
      }),
    );
  });
});
