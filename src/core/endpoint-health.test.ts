import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bad, deepFreeze, endpoint as fresh, good, now } from './delivery.fixture.ts';
import type { AttemptResult } from './delivery.ts';
import type { Endpoint, EndpointHealth } from './endpoint.ts';
import {
  afterAttempt,
  afterClaim,
  enabledAgain,
  gateStands,
  healthyInFlight,
  inFlightAllowed,
  newHealth,
  probePausesMs,
} from './endpoint-health.ts';
import { limits } from './limits.ts';

const minute = 60_000;
const hour = 60 * minute;

describe('afterClaim', () => {
  const paced = (perMinute: number | null): Endpoint => ({
    ...fresh,
    handshake: { state: 'given', askedAt: now, detail: null, perMinute },
  });

  it('changes nothing of an endpoint that allows any number, or is not asked', () => {
    for (const endpoint of [fresh, paced(null)]) assert.equal(afterClaim(endpoint, now), endpoint);
  });

  it('keeps the next attempt back for its share of the minute, rounded up', () => {
    for (const [perMinute, pauseMs] of [
      [1, minute],
      [7, 8_572],
      [6_000, 10],
      [999_999, 1],
    ] as const) {
      const endpoint = afterClaim(paced(perMinute), now);
      assert.deepEqual(
        [endpoint.health.gateAt, endpoint.health.gateReason],
        [now + pauseMs, 'allowed_rate'],
      );
      assert.equal(inFlightAllowed(endpoint, 4, now + pauseMs - 1), 0);
      assert.equal(inFlightAllowed(endpoint, 4, now + pauseMs), 4);
      assert.equal(endpoint.version, fresh.version);
    }
  });

  it('stands through a success, and a longer gate stands through it', () => {
    const claimed = afterClaim(paced(1), now);
    assert.deepEqual(gateOf(after(claimed, good)), [now + minute, 'allowed_rate']);
    const waits = after(paced(60), { ...bad, retryAfterAt: now + hour });
    assert.deepEqual(gateOf(afterClaim(waits, now)), [now + hour, 'retry_after']);
  });

  it('lets a probe that goes by it be one', () => {
    const opened = ['a', 'b', 'a', 'b', 'a'].reduce(
      (one, id) => after(one, bad, { id }),
      paced(60),
    );
    const at = now + 30_000;
    const probed = after(afterClaim(opened, at), bad, { id: 'a', at: at + 5 });
    assert.equal(probed.health.probes, 1);
    assert.deepEqual(gateOf(probed), [at + 5 + minute, 'circuit_open']);
  });
});

describe('afterAttempt', () => {
  it('counts failures until a success, which forgets them', () => {
    let endpoint = after(fresh, bad, { at: now });
    assert.deepEqual(endpoint.health, {
      ...newHealth,
      failures: 1,
      firstFailedDelivery: 'msg_1',
      failingSince: now,
      lastFailureAt: now,
    });
    endpoint = after(endpoint, bad, { id: 'msg_2', at: now + 5 });
    assert.deepEqual(endpoint.health, {
      ...newHealth,
      failures: 2,
      firstFailedDelivery: 'msg_1',
      severalFailed: true,
      failingSince: now,
      lastFailureAt: now + 5,
    });
    endpoint = after(endpoint, good, { at: now + 9 });
    assert.deepEqual(endpoint.health, {
      ...newHealth,
      lastFailureAt: now + 5,
      lastSuccessAt: now + 9,
    });
    assert.equal(endpoint.version, fresh.version, 'health is no change by a person');
  });

  it('opens the circuit at the fifth failure in a row of at least two deliveries', () => {
    const ids = (...names: string[]): Endpoint =>
      names.reduce((endpoint, id) => after(endpoint, bad, { id }), fresh);
    assert.equal(ids('a', 'a', 'b', 'a').health.circuit, 'closed', 'four');
    assert.equal(ids('a', 'a', 'a', 'a', 'a', 'a').health.circuit, 'closed', 'one message only');
    const { health } = ids('a', 'a', 'a', 'a', 'b');
    assert.deepEqual(
      [health.circuit, health.gateAt, health.gateReason, health.inFlightMax, health.probes],
      ['open', now + 30_000, 'circuit_open', 1, 0],
    );
    assert.equal(ids('a', 'a', 'a', 'a', 'a', 'b').health.circuit, 'open');
    const interrupted = after(ids('a', 'b', 'a', 'b'), good);
    assert.equal(after(interrupted, bad, { id: 'a' }).health.circuit, 'closed', 'not in a row');
  });

  it('is neither opened nor closed by an answer that speaks against one message only', () => {
    const mild: AttemptResult = { ...bad, error: 'http_404', endpointFault: false };
    let endpoint = fresh;
    for (let i = 0; i < 20; i += 1) endpoint = after(endpoint, mild, { id: `msg_${i}` });
    assert.deepEqual(endpoint.health, { ...newHealth, failingSince: now, lastFailureAt: now });
    const { health } = after(open(), mild, { at: now + hour });
    assert.deepEqual(health, { ...open().health, lastFailureAt: now + hour });
  });

  it('spares the endpoint for longer after each probe that fails, up to 15 minutes', () => {
    let endpoint = open();
    const pauses: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      const at = endpoint.health.gateAt ?? 0;
      assert.equal(inFlightAllowed(endpoint, 4, at - 1), 0);
      assert.equal(inFlightAllowed(endpoint, 4, at), 1, 'one probe');
      endpoint = after(endpoint, bad, { at });
      pauses.push((endpoint.health.gateAt ?? 0) - at);
    }
    assert.deepEqual(
      pauses.map((ms) => ms / minute),
      [1, 2, 4, 8, 15, 15, 15, 15],
    );
    assert.equal(probePausesMs[0], 30_000);
  });

  it('does not take what was in flight when it opened for probes', () => {
    const before = open();
    const endpoint = after(before, bad, { at: now + 100 });
    assert.equal(endpoint.health.gateAt, before.health.gateAt);
    assert.equal(endpoint.health.probes, 0);
    assert.equal(endpoint.health.failures, before.health.failures + 1);
  });

  it('closes with a success, then lets 1, 2, 4 … be in flight', () => {
    let endpoint = open();
    const allowed: number[] = [];
    for (let i = 0; i < 13; i += 1) {
      endpoint = after(endpoint, good, { at: now + hour });
      assert.equal(endpoint.health.circuit, 'closed');
      assert.equal(endpoint.health.gateAt, null);
      allowed.push(endpoint.health.inFlightMax);
    }
    assert.deepEqual(allowed, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
    assert.equal(inFlightAllowed(endpoint, 4, now + hour), 4, 'the claim has its own limit');
    assert.equal(healthyInFlight, newHealth.inFlightMax);
  });

  it('spares an endpoint for as long as it asks, at most a day, and forgets a shorter wish', () => {
    const wish = (retryAfterAt: number): AttemptResult => ({ ...bad, retryAfterAt });
    const endpoint = after(fresh, wish(now + hour));
    assert.deepEqual(gateOf(endpoint), [now + hour, 'retry_after']);
    assert.deepEqual(gateOf(after(endpoint, wish(now + minute))), [now + hour, 'retry_after']);
    assert.deepEqual(gateOf(after(endpoint, wish(now + 2 * hour))), [
      now + 2 * hour,
      'retry_after',
    ]);
    assert.deepEqual(gateOf(after(fresh, wish(now + 40 * 24 * hour))), [
      now + limits.retryAfterGateMsMax,
      'retry_after',
    ]);
    for (const past of [now, now - 1, 0]) assert.deepEqual(gateOf(after(fresh, wish(past))), none);
  });

  it('keeps the later of a pause and a wish', () => {
    const at = open().health.gateAt ?? 0;
    const probe = (retryAfterAt: number): Endpoint =>
      after(open(), { ...bad, retryAfterAt }, { at });
    assert.deepEqual(gateOf(probe(at + 1)), [at + minute, 'circuit_open']);
    assert.deepEqual(gateOf(probe(at + hour)), [at + hour, 'retry_after']);
    assert.equal(probe(at + hour).health.probes, 1);
  });

  it('does not shorten the wish of an endpoint when its circuit opens', () => {
    const asked = after(fresh, { ...bad, retryAfterAt: now + hour });
    const endpoint = ['b', 'a', 'b', 'a'].reduce((one, id) => after(one, bad, { id }), asked);
    assert.equal(endpoint.health.circuit, 'open');
    assert.deepEqual(gateOf(endpoint), [now + hour, 'retry_after']);
  });

  it('does not let the success of another attempt lift the gate the endpoint asked for', () => {
    const asked = after(fresh, { ...bad, retryAfterAt: now + hour });
    const endpoint = after(asked, good, { at: now + 5 });
    assert.deepEqual(gateOf(endpoint), [now + hour, 'retry_after']);
    assert.equal(endpoint.health.failures, 0);
    assert.deepEqual(gateOf(after(endpoint, good, { at: now + hour })), none, 'when it is over');
    assert.deepEqual(gateOf(after(open(), good, { at: now + 5 })), none, 'a pause is ours to lift');
  });

  it('disables at once when the endpoint is gone or asks for it, also with a 2xx', () => {
    for (const disable of ['gone', 'requested'] as const) {
      for (const result of [good, bad]) {
        const endpoint = after(fresh, { ...result, disable }, { at: now + 7 });
        assert.deepEqual(endpoint.disabled, { reason: disable, at: now + 7 });
        assert.equal(endpoint.version, fresh.version + 1);
        const later = after(endpoint, { ...bad, disable: 'gone' }, { at: now + 8 });
        assert.deepEqual(later.disabled, endpoint.disabled, 'once');
        assert.equal(later.version, endpoint.version);
        assert.equal(later.health.lastFailureAt, now + 8);
      }
    }
  });

  it('disables what did nothing but fail, in whatever way, for five days', () => {
    const mild: AttemptResult = { ...bad, endpointFault: false };
    const failing = after(fresh, mild);
    const end = now + limits.failingMsMax;
    assert.equal(after(failing, bad, { at: end - 1 }).disabled, null);
    for (const result of [bad, mild]) {
      const endpoint = after(failing, result, { at: end });
      assert.deepEqual(endpoint.disabled, { reason: 'failing', at: end });
    }
    assert.equal(after(failing, good, { at: end }).disabled, null);
    const better = after(failing, good, { at: end - 1 });
    assert.equal(after(better, bad, { at: end + 5 }).disabled, null);
  });
});

describe('enabledAgain', () => {
  it('forgets what was, but for the times, and starts with a single attempt', () => {
    const endpoint = after(after(open(), good), { ...bad, disable: 'gone' }, { at: now + 3 });
    assert.deepEqual(enabledAgain(deepFreeze(endpoint)), {
      ...endpoint,
      handshake: null,
      disabled: null,
      version: endpoint.version + 1,
      health: { ...newHealth, inFlightMax: 1, lastSuccessAt: now, lastFailureAt: now + 3 },
    });
  });

  it('leaves alone what is enabled', () => {
    assert.equal(enabledAgain(fresh), fresh);
  });
});

describe('inFlightAllowed', () => {
  it('is none while it is disabled or a gate stands, whatever its health', () => {
    const at = now - 5;
    const off = { ...fresh, disabled: { reason: 'manual', at } } as const;
    assert.equal(inFlightAllowed(off, 4, now), 0);
    assert.equal(inFlightAllowed(gated(now + 1), 4, now), 0);
    assert.equal(inFlightAllowed(gated(now), 4, now), 4);
  });

  it('does not believe in a gate further ahead than any legal one', () => {
    assert.equal(gateStands(now + limits.retryAfterGateMsMax, now), true);
    assert.equal(gateStands(now + limits.retryAfterGateMsMax + 1, now), false);
    assert.equal(inFlightAllowed(gated(now + limits.retryAfterGateMsMax + 1), 4, now), 4);
  });

  it('is the least of the ramp and the limit', () => {
    const ramp = { ...fresh, health: { ...newHealth, inFlightMax: 2 } };
    assert.deepEqual(
      [1, 2, 3].map((max) => inFlightAllowed(ramp, max, now)),
      [1, 2, 2],
    );
  });
});

const none = [null, null];

function after(
  endpoint: Endpoint,
  result: AttemptResult,
  p: { readonly id?: string; readonly at?: number } = {},
): Endpoint {
  const { id = 'msg_1', at = now } = p;
  return deepFreeze(afterAttempt(deepFreeze(endpoint), { deliveryId: id, result }, at));
}

function open(): Endpoint {
  return ['a', 'b', 'a', 'b', 'a'].reduce((endpoint, id) => after(endpoint, bad, { id }), fresh);
}

function gated(gateAt: number): Endpoint {
  const health: EndpointHealth = { ...newHealth, gateAt, gateReason: 'retry_after' };
  return { ...fresh, health };
}

function gateOf({ health }: Endpoint): [number | null, string | null] {
  return [health.gateAt, health.gateReason];
}
