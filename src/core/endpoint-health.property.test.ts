import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { bad, deepFreeze, endpoint as fresh, good, now as start } from './delivery.fixture.ts';
import type { AttemptResult } from './delivery.ts';
import type { Endpoint } from './endpoint.ts';
import {
  afterAttempt,
  enabledAgain,
  healthyInFlight,
  inFlightAllowed,
  probePausesMs,
} from './endpoint-health.ts';
import { limits } from './limits.ts';

/**
 * Random histories of attempts against one endpoint, by a sender that waits for gates most of the
 * time. fast-check prints the seed and path of a failing one; pass both to fc.assert to repeat it.
 */
type Step = {
  readonly elapsedMs: number | 'gate';
  readonly delivery: number;
  readonly how: 'good' | 'bad' | 'mild' | 'wait' | 'gone';
  readonly waitMs: number;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    elapsedMs: fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: limits.failingMsMax }) },
      { weight: 3, arbitrary: fc.constant('gate' as const) },
    ),
    delivery: fc.nat({ max: 2 }),
    how: fc.oneof(
      { weight: 12, arbitrary: fc.constant('bad' as const) },
      { weight: 3, arbitrary: fc.constant('good' as const) },
      { weight: 4, arbitrary: fc.constantFrom('mild' as const, 'wait', 'wait', 'gone') },
    ),
    waitMs: fc.oneof(
      fc.integer({ min: -5_000, max: 60_000 }),
      fc.integer({ min: 0, max: 400 * 86_400_000 }),
    ),
  }),
  { maxLength: 60, size: 'max' },
);

type Event = {
  readonly before: Endpoint;
  readonly result: AttemptResult;
  readonly delivery: string;
  readonly after: Endpoint;
  readonly now: number;
};

function play(script: readonly Step[]): Event[] {
  const log: Event[] = [];
  let endpoint = deepFreeze(fresh);
  let now = start;
  for (const step of script) {
    const { gateAt } = endpoint.health;
    now = step.elapsedMs === 'gate' ? Math.max(now, gateAt ?? 0) : now + step.elapsedMs;
    const result = deepFreeze(resultOf(step, now));
    const delivery = `msg_${step.delivery}`;
    const after = deepFreeze(afterAttempt(endpoint, { deliveryId: delivery, result }, now));
    log.push({ before: endpoint, result, delivery, after, now });
    endpoint = after.disabled === null ? after : deepFreeze(enabledAgain(after));
  }
  return log;
}

function resultOf({ how, waitMs }: Step, now: number): AttemptResult {
  switch (how) {
    case 'good':
      return good;
    case 'bad':
      return bad;
    case 'mild':
      return { ...bad, endpointFault: false };
    case 'wait':
      return { ...bad, retryAfterAt: now + waitMs };
    case 'gone':
      return { ...bad, disable: 'gone' };
  }
}

function holdsFor(check: (log: readonly Event[]) => void): void {
  fc.assert(
    fc.property(steps, (script) => check(play(script))),
    { numRuns: 1_000 },
  );
}

describe('any history of an endpoint', () => {
  it('opens the circuit only after five faults in a row over at least two deliveries', () => {
    holdsFor((log) => {
      let faults: string[] = [];
      for (const { before, result, delivery, after } of log) {
        if (result.delivered) faults = [];
        else if (result.endpointFault) faults.push(delivery);
        const opened = before.health.circuit === 'closed' && after.health.circuit === 'open';
        const mayOpen = faults.length >= limits.circuitFailures && new Set(faults).size >= 2;
        if (before.health.circuit === 'closed' && result.endpointFault) {
          assert.equal(opened, mayOpen);
        } else {
          assert.equal(opened, false);
        }
        if (after.disabled !== null) faults = [];
      }
    });
  });

  it('closes the circuit only by a success, and any success does', () => {
    holdsFor((log) => {
      for (const { before, result, after } of log) {
        if (result.delivered) assert.equal(after.health.circuit, 'closed');
        else if (before.health.circuit === 'open') assert.equal(after.health.circuit, 'open');
      }
    });
  });

  it('has no gate longer than is legal, and says why it has one', () => {
    holdsFor((log) => {
      for (const { before, after, now } of log) {
        const { gateAt, gateReason } = after.health;
        assert.equal(gateAt === null, gateReason === null);
        if (gateAt === null || gateAt === before.health.gateAt) continue;
        const longestMs =
          gateReason === 'circuit_open' ? Math.max(...probePausesMs) : limits.retryAfterGateMsMax;
        assert.ok(gateAt > now && gateAt <= now + longestMs, `${gateReason} ${gateAt - now}`);
      }
    });
  });

  it('never shortens a gate that stands, but by a success that closes the circuit', () => {
    holdsFor((log) => {
      for (const { before, result, after, now } of log) {
        const { gateAt, gateReason } = before.health;
        if (gateAt === null || gateAt <= now) continue;
        if (result.delivered && gateReason === 'circuit_open') continue;
        assert.ok((after.health.gateAt ?? 0) >= gateAt);
      }
    });
  });

  it('allows nothing behind a gate, one attempt in an open circuit, and else what the ramp says', () => {
    holdsFor((log) => {
      for (const { after, now } of log) {
        const { gateAt, circuit, inFlightMax } = after.health;
        const allowed = (at: number, max = 4): number => inFlightAllowed(after, max, at);
        if (after.disabled !== null) {
          assert.equal(allowed(now + limits.retryAfterGateMsMax), 0);
          continue;
        }
        const open = Math.max(now, gateAt ?? 0);
        if (gateAt !== null && gateAt > now) assert.equal(allowed(gateAt - 1), 0);
        assert.equal(allowed(open), circuit === 'open' ? 1 : Math.min(4, inFlightMax));
        assert.equal(allowed(open, 0), circuit === 'open' ? 1 : 0);
      }
    });
  });

  it('doubles what may be in flight with each success, from 1 after an outage', () => {
    holdsFor((log) => {
      for (const { before, result, after } of log) {
        const was = before.health;
        const expected = result.delivered
          ? was.circuit === 'open'
            ? 1
            : Math.min(healthyInFlight, was.inFlightMax * 2)
          : after.health.circuit === 'open' && was.circuit === 'closed'
            ? 1
            : was.inFlightMax;
        assert.equal(after.health.inFlightMax, expected);
      }
    });
  });

  it('is disabled for the reason it gives, or for five days of nothing but failures', () => {
    holdsFor((log) => {
      let failingSince: number | null = null;
      for (const { result, after, now } of log) {
        failingSince = result.delivered ? null : (failingSince ?? now);
        assert.equal(after.health.failingSince, failingSince);
        const tooLong: boolean = failingSince !== null && now - failingSince >= limits.failingMsMax;
        const reason: string | null = result.disable ?? (tooLong ? 'failing' : null);
        assert.deepEqual(after.disabled, reason === null ? null : { reason, at: now });
        if (after.disabled !== null) failingSince = null;
      }
    });
  });

  it('is tried in earnest: the histories above open, close, gate and disable', () => {
    const seen = new Set<string>();
    holdsFor((log) => {
      for (const { before, after } of log) {
        if (before.health.circuit !== after.health.circuit) seen.add(after.health.circuit);
        if (after.health.gateReason !== null) seen.add(after.health.gateReason);
        if (after.disabled !== null) seen.add(after.disabled.reason);
        seen.add(`probes ${after.health.probes}`);
      }
    });
    const wanted = ['open', 'closed', 'circuit_open', 'retry_after', 'gone', 'failing', 'probes 6'];
    assert.deepEqual(
      wanted.filter((name) => !seen.has(name)),
      [],
    );
  });
});
