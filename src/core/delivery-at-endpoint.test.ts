import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bad,
  deepFreeze,
  endpoint,
  good,
  now,
  samples,
  sending,
  token,
} from './delivery.fixture.ts';
import { decideAtEndpoint } from './delivery-at-endpoint.ts';
import { decideDelivery, type Delivery, type DeliveryTransition } from './delivery.ts';
import { limits } from './limits.ts';

const disabled = { ...endpoint, disabled: { reason: 'gone', at: now - 5 } } as const;
const failed: DeliveryTransition = {
  type: 'ended',
  token,
  result: bad,
  next: { at: now + 5, reason: 'schedule step 2 ±20 %' },
};
const lost: DeliveryTransition = { type: 'lease_expired', workerDead: true };
const again: DeliveryTransition = { type: 'redelivered', trigger: 'manual' };

describe('decideAtEndpoint', () => {
  it('is decideDelivery while the endpoint is enabled', () => {
    const p = { endpoint, now };
    for (const event of [failed, lost, again]) {
      for (const delivery of Object.values(samples)) {
        assert.deepEqual(
          decideAtEndpoint(delivery, event, p),
          decideDelivery(delivery, event, now),
        );
      }
    }
  });

  it('holds what would wait for a disabled endpoint, in one step, and plans no attempt', () => {
    for (const [before, event] of [
      [sending, failed],
      [sending, lost],
      [samples.dead, again],
      [samples.held, again],
    ] as const) {
      const decision = decideAtEndpoint(deepFreeze(before), event, { endpoint: disabled, now });
      assert.ok(decision.outcome === 'applied');
      const plain = decideDelivery(before, event, now);
      assert.ok(plain.outcome === 'applied');
      const expected: Delivery = {
        ...plain.delivery,
        state: 'held',
        nextAt: null,
        nextReason: null,
      };
      assert.deepEqual(decision.delivery, expected);
      assert.deepEqual(
        decision.attempt,
        plain.attempt && { ...plain.attempt, nextAt: null, nextReason: null },
      );
    }
  });

  it('cancels what would wait for a removed endpoint, in one step, and plans no attempt', () => {
    for (const event of [failed, lost]) {
      const decision = decideAtEndpoint(sending, event, { endpoint: null, now });
      assert.ok(decision.outcome === 'applied');
      const { state, version, finishedAt, removeAt, lease } = decision.delivery;
      assert.deepEqual(
        [state, version, finishedAt, removeAt, lease],
        ['cancelled', sending.version + 1, now, now + limits.deliveryMs, null],
      );
      assert.equal(decision.attempt?.nextAt, null);
      assert.equal(decision.attempt?.nextReason, null);
    }
  });

  it('sends nothing again to a removed endpoint', () => {
    for (const delivery of Object.values(samples)) {
      assert.deepEqual(decideAtEndpoint(delivery, again, { endpoint: null, now }), {
        outcome: 'unchanged',
      });
    }
  });

  it('lets what is over be over, whatever became of the endpoint', () => {
    const delivered: DeliveryTransition = { type: 'ended', token, result: good, next: null };
    const last: DeliveryTransition = { ...failed, next: null };
    for (const gone of [disabled, null]) {
      const states: string[] = [delivered, last].map((event) => {
        const decision = decideAtEndpoint(sending, event, {
          endpoint: gone,
          now,
        });
        assert.ok(decision.outcome === 'applied');
        return decision.delivery.state;
      });
      assert.deepEqual(states, ['delivered', 'dead']);
    }
  });
});
