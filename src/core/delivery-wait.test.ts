import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Delivery } from './delivery.ts';
import { deliveryWait, endpointWait, needsEndpoint } from './delivery-wait.ts';
import { newHealth } from './endpoint-health.ts';
import type { Endpoint, EndpointHealth } from './endpoint.ts';

const now = 1_000_000;

function delivery(members: Partial<Delivery> = {}): Delivery {
  return {
    id: 'msg_1',
    tenant: '',
    endpointId: 'ep_1',
    operationId: null,
    event: 'operation.completed',
    url: 'https://example.com/',
    state: 'pending',
    version: 1,
    createdAt: 0,
    attempts: 1,
    failures: 1,
    failuresMax: 12,
    nextAt: now + 5_000,
    nextReason: 'schedule step 1 ±20 %',
    trigger: 'schedule',
    lease: null,
    lastStatus: 500,
    lastError: 'http_500',
    expiresAt: now * 2,
    finishedAt: null,
    removeAt: null,
    ...members,
  };
}

function endpoint(health: Partial<EndpointHealth>, members: Partial<Endpoint> = {}): Endpoint {
  return {
    id: 'ep_1',
    tenant: '',
    kind: 'registered',
    url: 'https://example.com/',
    origin: 'https://example.com',
    events: [],
    tasks: null,
    headers: {},
    description: null,
    handshake: null,
    disabled: null,
    health: { ...newHealth, ...health },
    version: 1,
    createdAt: 0,
    ...members,
  };
}

const open = { circuit: 'open', failures: 5, probes: 1, gateReason: 'circuit_open' } as const;

describe('What a delivery waits for', () => {
  it('is its own time when its endpoint is free, removed, or free sooner', () => {
    const own = { at: now + 5_000, reason: 'schedule step 1 ±20 %' };
    const sooner = endpoint({ ...open, gateAt: now + 4_000 });
    const long = endpoint({ ...open, gateAt: now - 1 });
    for (const one of [null, endpoint({}), sooner, long]) {
      assert.deepEqual(deliveryWait(delivery(), one, now), own);
    }
  });

  it('is the gate of its endpoint when that stands longer', () => {
    const due = delivery({ nextAt: now - 1 });
    assert.deepEqual(deliveryWait(due, endpoint({ ...open, gateAt: now + 60_000 }), now), {
      at: now + 60_000,
      reason: 'circuit open after 5 failures, probe 2',
    });
    const asked = endpoint({ gateAt: now + 9_000, gateReason: 'retry_after' });
    assert.deepEqual(deliveryWait(delivery(), asked, now), {
      at: now + 9_000,
      reason: 'Retry-After of the endpoint',
    });
  });

  it('is the pace that its endpoint allows', () => {
    const handshake = { state: 'given', askedAt: 1, detail: null, perMinute: 6 } as const;
    const paced = endpoint({ gateAt: now + 9_000, gateReason: 'allowed_rate' }, { handshake });
    assert.deepEqual(deliveryWait(delivery(), paced, now), {
      at: now + 9_000,
      reason: 'the endpoint allows 6 a minute',
    });
  });

  it('is the consent of its endpoint, with why it did not give it', () => {
    const held = delivery({ state: 'held', nextAt: null, nextReason: null });
    const disabled = { reason: 'no_consent', at: 0 } as const;
    for (const [detail, more] of [
      [null, ''],
      ['It answered 404.', ' (It answered 404.)'],
    ] as const) {
      const handshake = { state: 'awaited', askedAt: 1, detail, perMinute: null } as const;
      assert.deepEqual(deliveryWait(held, endpoint({}, { disabled, handshake }), now), {
        at: null,
        reason: `endpoint disabled: its consent is awaited${more}`,
      });
    }
  });

  it('is a person when it is held, and the reason is why', () => {
    const held = delivery({ state: 'held', nextAt: null, nextReason: null });
    const words = {
      manual: 'endpoint disabled: by hand',
      gone: 'endpoint disabled: it answered 410',
      requested: 'endpoint disabled: its answer asked for it',
      failing: 'endpoint disabled: it did nothing but fail',
    } as const;
    for (const [reason, text] of Object.entries(words)) {
      const disabled = { reason: reason as keyof typeof words, at: 0 };
      const wait = deliveryWait(held, endpoint({}, { disabled }), now);
      assert.deepEqual(wait, { at: null, reason: text });
    }
    // The endpoint was enabled at this moment, or removed, so the reason is no longer known.
    for (const one of [null, endpoint({}), endpoint({ ...open, gateAt: now + 1 })]) {
      assert.deepEqual(deliveryWait(held, one, now), { at: null, reason: 'endpoint disabled' });
    }
  });

  it('is nothing once it is sent or over', () => {
    for (const state of ['sending', 'delivered', 'dead', 'cancelled', 'expired'] as const) {
      const over = delivery({ state, nextAt: null, nextReason: null });
      const gated = endpoint({ ...open, gateAt: now + 60_000 });
      assert.deepEqual(deliveryWait(over, gated, now), { at: null, reason: null });
      assert.equal(needsEndpoint(over), false);
    }
  });
});

it('An endpoint that is free waits for nothing, and a gate of a wrong clock is none', () => {
  assert.deepEqual(endpointWait(endpoint({}), now), { at: null, reason: null });
  const never = endpoint({ ...open, gateAt: now + 365 * 86_400_000 });
  assert.deepEqual(endpointWait(never, now), { at: null, reason: null });
});
