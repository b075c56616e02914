import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { claimedBefore, type Operation } from '../operation.ts';
import { WaitingLine, claimOrder, type Queued } from './waiting-line.ts';

const entries: fc.Arbitrary<Queued[]> = fc
  .array(fc.record({ priority: fc.integer({ min: -2, max: 2 }), readyAt: fc.nat({ max: 30 }) }), {
    maxLength: 1_500,
    size: 'max',
  })
  .map((list) => list.map((p, i) => ({ ...p, id: `op_${i}`, task: 'reports', key: null })));

describe('WaitingLine', () => {
  it('orders, counts and finds like a sorted array, through inserts and removals', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 1, max: 7 }), (list, nth) => {
        const line = new WaitingLine<Queued>();
        for (const entry of list) line.add(entry);
        const removed = list.filter((_, i) => i % nth === 0);
        for (const entry of removed) assert.equal(line.remove(entry), true);
        for (const entry of removed) assert.equal(line.remove(entry), false);
        const gone = new Set(removed);
        const model = list.filter((entry) => !gone.has(entry)).sort(claimOrder);
        assert.equal(line.size, model.length);
        assert.deepEqual(line.first(list.length), model);
        assert.deepEqual(line.first(600), model.slice(0, 600));
        for (const [rank, entry] of model.entries()) {
          if (rank % 97 === 0) assert.equal(line.ahead(entry), rank);
        }
        const before = (other: Queued) => model.filter((e) => claimOrder(e, other) < 0).length;
        for (const entry of removed.slice(0, 3)) assert.equal(line.ahead(entry), before(entry));
      }),
      { numRuns: 30 },
    );
  });

  it('has the order in which the store claims', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const [a, b] = list;
        if (a === undefined || b === undefined) return;
        assert.equal(claimOrder(a, b) < 0, claimedBefore(asOperation(a), asOperation(b)));
      }),
    );
  });
});

function asOperation(queued: Queued): Operation {
  const order: Partial<Operation> = {
    id: queued.id,
    priority: queued.priority,
    readyAt: queued.readyAt,
  };
  return order as Operation;
}
