import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { deliveryJitter, deliveryPausesMs, nextDeliveryAt } from './delivery-schedule.ts';
import { limits } from './limits.ts';
import { isPast } from './transitions.ts';

const now = 1_800_000_000_000;
const hour = 3_600_000;
const times = fc.integer({ min: 0, max: 4e12 });
const randoms = fc.double({ min: 0, max: 0.9999999, noNaN: true });

describe('the schedule', () => {
  it('is twelve attempts over about 75 hours', () => {
    assert.equal(deliveryPausesMs.length + 1, limits.deliveryFailuresMax);
    assert.deepEqual(
      deliveryPausesMs.map((ms) => ms / 1000),
      [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
    );
    const total = deliveryPausesMs.reduce((sum, ms) => sum + ms, 0);
    assert.ok(total > 75 * hour && total < 76 * hour);
    assert.ok(total * (1 + deliveryJitter) < limits.deliveryTtlMs, 'it ends before they expire');
  });
});

describe('nextDeliveryAt', () => {
  const plain = { pausesMs: deliveryPausesMs, failures: 1, retryAfterAt: null, now, random: 0.5 };

  it('is the pause itself in the middle, and says which', () => {
    for (const [i, pauseMs] of deliveryPausesMs.entries()) {
      assert.deepEqual(nextDeliveryAt({ ...plain, failures: i + 1 }), {
        at: now + pauseMs,
        reason: `schedule step ${i + 1} ±20 %`,
      });
    }
  });

  it('is over after the last pause', () => {
    assert.equal(nextDeliveryAt({ ...plain, failures: limits.deliveryFailuresMax }), null);
    assert.equal(nextDeliveryAt({ ...plain, failures: 999, retryAfterAt: now + hour }), null);
    assert.equal(nextDeliveryAt({ ...plain, pausesMs: [] }), null);
  });

  it('is within ±20 % of each pause, and uses all of it', () => {
    const failures = fc.integer({ min: 1, max: deliveryPausesMs.length });
    fc.assert(
      fc.property(failures, times, randoms, (failures, now, random) => {
        const pauseMs = deliveryPausesMs[failures - 1]!;
        const next = nextDeliveryAt({ ...plain, failures, now, random });
        const waitMs = next!.at - now;
        assert.ok(Number.isInteger(waitMs));
        assert.ok(waitMs >= pauseMs * 0.8 && waitMs <= pauseMs * 1.2, `${waitMs} of ${pauseMs}`);
      }),
    );
    assert.equal(nextDeliveryAt({ ...plain, random: 0 })?.at, now + 4_000);
    assert.equal(nextDeliveryAt({ ...plain, random: 0.9999999 })?.at, now + 6_000);
  });

  it('is later the higher the drawn number is', () => {
    fc.assert(
      fc.property(randoms, randoms, (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map(
          (random) => nextDeliveryAt({ ...plain, failures: 9, random })!.at,
        );
        assert.ok(low! <= high!);
      }),
    );
  });

  it('gives way to a Retry-After that ends later, and to no other', () => {
    assert.deepEqual(nextDeliveryAt({ ...plain, retryAfterAt: now + 119_001 }), {
      at: now + 119_001,
      reason: 'Retry-After 120',
    });
    for (const retryAfterAt of [now + 5_000, now, now - hour, 0]) {
      assert.equal(nextDeliveryAt({ ...plain, retryAfterAt })?.reason, 'schedule step 1 ±20 %');
    }
  });

  it('is never so far ahead that it would count as a wrong clock, whatever an answer asks for', () => {
    const wishes = fc.oneof(times, fc.constantFrom(Infinity, Number.MAX_SAFE_INTEGER, -1));
    fc.assert(
      fc.property(times, wishes, randoms, (now, retryAfterAt, random) => {
        const next = nextDeliveryAt({ ...plain, failures: 11, now, retryAfterAt, random });
        assert.ok(next!.at > now);
        assert.ok(next!.at <= now + 1.2 * limits.retryAfterGateMsMax);
        assert.ok(!isPast(next!.at, now, limits.deliveryTtlMs));
      }),
    );
  });
});
