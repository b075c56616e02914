import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  deliveryId,
  endpointId,
  isOperationId,
  operationId,
  randomBytesPerId,
  smallestDeliveryIdAt,
  smallestIdAt,
} from './id.ts';

const times = fc.integer({ min: 0, max: 2 ** 48 - 1 });
const bytes = fc.uint8Array({ minLength: randomBytesPerId, maxLength: randomBytesPerId });

describe('operation ids', () => {
  it('are op_ and 26 characters of Crockford base32', () => {
    fc.assert(
      fc.property(times, bytes, (ms, random) => {
        const id = operationId(ms, random);
        assert.equal(id.length, 29);
        assert.equal(isOperationId(id), true);
      }),
    );
  });

  it('sort as text by time of creation', () => {
    fc.assert(
      fc.property(times, times, bytes, (a, b, random) => {
        const [earlier, later] = a < b ? [a, b] : [b, a];
        if (earlier === later) return;
        assert.ok(operationId(earlier, random) < operationId(later, random));
        assert.ok(smallestIdAt(later) > operationId(earlier, random));
        assert.ok(smallestIdAt(earlier) <= operationId(earlier, random));
      }),
    );
  });

  it('carry all 80 random bits: other bytes, another id', () => {
    fc.assert(
      fc.property(times, bytes, fc.integer({ min: 0, max: 79 }), (ms, random, bit) => {
        const flipped = Uint8Array.from(random);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        assert.notEqual(operationId(ms, flipped), operationId(ms, random));
      }),
    );
  });

  it('encode known values: zeros, ones, and a counting pattern', () => {
    assert.equal(operationId(0, new Uint8Array(10)), `op_${'0'.repeat(26)}`);
    assert.equal(operationId(2 ** 48 - 1, new Uint8Array(10).fill(255)), `op_7${'Z'.repeat(25)}`);
    const counting = Uint8Array.from([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]);
    assert.equal(operationId(1, counting), 'op_00000000010123456789ABCDEF');
  });

  it('read their bytes from the offset, so that one buffer serves many ids', () => {
    const pool = randomBytes(30);
    assert.equal(operationId(5, pool, 20), operationId(5, pool.subarray(20)));
    assert.notEqual(operationId(5, pool, 10), operationId(5, pool, 20));
  });

  it('of one millisecond are all different', () => {
    const ids = new Set(Array.from({ length: 5_000 }, () => operationId(7, randomBytes(10))));
    assert.equal(ids.size, 5_000);
  });

  it('are told from anything else a path may carry', () => {
    const good = operationId(Date.UTC(2026, 0, 1), new Uint8Array(10));
    const bad = [
      '',
      'op_',
      good.slice(0, -1),
      `${good}0`,
      `${good}\n`,
      `\n${good}`,
      good.toLowerCase(),
      good.replace('op_', 'OP_'),
      `op_8${good.slice(4)}`,
      ...['I', 'L', 'O', 'U', '-', '%', '/', '.', ' ', '\0', 'é'].map((c) => good.slice(0, -1) + c),
      '../../etc/passwd',
      "op_' OR 1=1 --",
    ];
    assert.equal(isOperationId(good), true);
    assert.deepEqual(bad.filter(isOperationId), []);
  });

  it('start at the epoch for a time before it', () => {
    assert.equal(smallestIdAt(-1), smallestIdAt(0));
  });
});

describe('ids of deliveries and endpoints', () => {
  it('are those of operations but for their prefix, and no operation ids', () => {
    fc.assert(
      fc.property(times, bytes, (ms, random) => {
        const tail = operationId(ms, random).slice('op_'.length);
        assert.equal(deliveryId(ms, random), `msg_${tail}`);
        assert.equal(endpointId(ms, random), `ep_${tail}`);
        assert.equal(isOperationId(deliveryId(ms, random)), false);
      }),
    );
  });

  it('sort as text by time, from the smallest of a millisecond on', () => {
    fc.assert(
      fc.property(times, times, bytes, (a, b, random) => {
        const [earlier, later] = a < b ? [a, b] : [b, a];
        if (earlier === later) return;
        assert.ok(smallestDeliveryIdAt(later) > deliveryId(earlier, random));
        assert.ok(smallestDeliveryIdAt(earlier) <= deliveryId(earlier, random));
        assert.ok(endpointId(earlier, random) < endpointId(later, random));
      }),
    );
    assert.equal(smallestDeliveryIdAt(-1), smallestDeliveryIdAt(0));
  });

  it('are fit to be a webhook-id: no dot, which would part the signed text', () => {
    assert.match(deliveryId(Date.UTC(2026, 0, 1), randomBytes(10)), /^msg_[0-9A-Z]{26}$/);
  });
});
