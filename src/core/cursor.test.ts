import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { RaincheckError } from './errors.ts';
import { deliveryId, endpointId, operationId } from './id.ts';

const ids = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array({ minLength: 10, maxLength: 10 }))
  .map(([ms, random]) => operationId(ms, random));

function isRefused(cursor: string): boolean {
  try {
    decodeCursor(cursor);
    return false;
  } catch (error) {
    return error instanceof RaincheckError && error.code === 'invalid_cursor';
  }
}

describe('cursors', () => {
  it('give back the id they were made of, and need no escaping in a query', () => {
    fc.assert(
      fc.property(ids, (id) => {
        const cursor = encodeCursor(id);
        assert.equal(decodeCursor(cursor), id);
        assert.equal(encodeURIComponent(cursor), cursor);
      }),
    );
  });

  it('are refused with invalid_cursor when they are anything else', () => {
    const id = operationId(1, new Uint8Array(10).fill(255));
    const good = encodeCursor(id);
    const bad = ['', 'c1_', id, good.slice(3), `c2_${good.slice(3)}`, good.toLowerCase()];
    const more = [`${good}0`, `${good}\n`, ` ${good}`, good.replace('c1_', 'c1_op_'), '\0'];
    for (const cursor of [...bad, ...more]) assert.ok(isRefused(cursor), JSON.stringify(cursor));
    fc.assert(fc.property(fc.string(), (text) => isRefused(text)));
  });

  it('of one list are refused by the others', () => {
    const random = new Uint8Array(10).fill(7);
    const made = {
      operations: operationId(1, random),
      deliveries: deliveryId(1, random),
      endpoints: endpointId(1, random),
    } as const;
    for (const kind of ['operations', 'deliveries', 'endpoints'] as const) {
      const cursor = encodeCursor(made[kind], kind);
      for (const other of ['operations', 'deliveries', 'endpoints'] as const) {
        if (other === kind) assert.equal(decodeCursor(cursor, other), made[kind]);
        else assert.throws(() => decodeCursor(cursor, other), { code: 'invalid_cursor' });
      }
    }
  });
});
