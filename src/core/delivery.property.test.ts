import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  bad,
  deepFreeze,
  endpoint as fresh,
  good,
  now as start,
  pending,
} from './delivery.fixture.ts';
import { decideAtEndpoint } from './delivery-at-endpoint.ts';
import { deliveryPausesMs, nextDeliveryAt } from './delivery-schedule.ts';
import type {
  AttemptResult,
  Delivery,
  DeliveryAttempt,
  DeliveryDecision,
  DeliveryTransition,
} from './delivery.ts';
import type { Endpoint } from './endpoint.ts';
import { afterAttempt, enabledAgain } from './endpoint-health.ts';
import { limits } from './limits.ts';

/**
 * Random lives of deliveries, with their endpoint. fast-check prints the seed and path of a failing
 * one; pass both to fc.assert to repeat it.
 */
type Step = {
  readonly elapsedMs: number;
  readonly kind: DeliveryTransition['type'] | 'endpoint';
  readonly stale: boolean;
  readonly random: number;
  readonly flag: boolean;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    elapsedMs: fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 0, max: 25_000 }) },
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 40_000_000 }) },
      { weight: 1, arbitrary: fc.integer({ min: -120_000, max: 0 }) },
    ),
    kind: fc.oneof(
      { weight: 7, arbitrary: fc.constant('claimed' as const) },
      { weight: 6, arbitrary: fc.constant('ended' as const) },
      {
        weight: 5,
        arbitrary: fc.constantFrom('lease_expired' as const, 'redelivered', 'endpoint'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('discarded' as const, 'held', 'released', 'expired'),
      },
    ),
    stale: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    // Not fc.double: it draws evenly over bit patterns, so that nearly all are close to 0.
    random: fc.integer({ min: 0, max: 999 }).map((n) => n / 1000),
    flag: fc.boolean(),
  }),
  { maxLength: 60, size: 'max' },
);

const deliveries: fc.Arbitrary<Delivery> = fc
  .record({
    failuresMax: fc.constantFrom(1, 2, 3, limits.deliveryFailuresMax),
    expiresAt: fc.constantFrom(start + 30_000, start + limits.deliveryTtlMs),
  })
  .map((p) => ({ ...pending, version: 1, attempts: 0, failures: 0, nextAt: start, ...p }));

type Transition = {
  readonly before: Delivery;
  readonly event: DeliveryTransition;
  /** The endpoint as it is after the event. */
  readonly endpoint: Endpoint | null;
  readonly decision: DeliveryDecision;
  readonly now: number;
};

/** Plays the steps as a sender that obeys the schedule and a store that obeys core/ would. */
function play(first: Delivery, script: readonly Step[]): { last: Delivery; log: Transition[] } {
  const log: Transition[] = [];
  let delivery = deepFreeze(first);
  let endpoint: Endpoint | null = deepFreeze(fresh);
  let now = start;
  const decide = (event: DeliveryTransition): void => {
    const before = delivery;
    const decision = decideAtEndpoint(before, deepFreeze(event), { endpoint, now });
    log.push({ before, event, endpoint, decision, now });
    if (decision.outcome === 'applied') delivery = deepFreeze(decision.delivery);
  };
  for (const [index, step] of script.entries()) {
    now += step.elapsedMs;
    if (step.kind === 'endpoint') {
      endpoint = deepFreeze(turned(endpoint, step, now));
      if (endpoint === null) decide({ type: 'discarded' });
      else decide({ type: endpoint.disabled === null ? 'released' : 'held' });
      continue;
    }
    const event = eventOf(delivery, step, { index, now });
    // A store holds pending deliveries only while their endpoint is disabled, and releases them
    // when it is enabled.
    if (event.type === 'held' && endpoint?.disabled === null) continue;
    if (event.type === 'released' && endpoint?.disabled !== null) continue;
    const holds = event.type === 'ended' && delivery.lease?.token === event.token;
    if (holds && endpoint !== null) {
      const p = { deliveryId: delivery.id, result: event.result };
      endpoint = deepFreeze(afterAttempt(endpoint, p, now));
    }
    decide(event);
  }
  return { last: delivery, log };
}

/** The endpoint is disabled and enabled; rarely it is removed, for good. */
function turned(endpoint: Endpoint | null, step: Step, now: number): Endpoint | null {
  if (endpoint === null || step.random < 0.05) return null;
  if (endpoint.disabled !== null) return enabledAgain(endpoint);
  return { ...endpoint, disabled: { reason: 'manual', at: now }, version: endpoint.version + 1 };
}

function eventOf(
  delivery: Delivery,
  step: Step,
  { index, now }: { readonly index: number; readonly now: number },
): DeliveryTransition {
  const token = step.stale ? 'stale' : (delivery.lease?.token ?? 'none');
  switch (step.kind) {
    case 'claimed':
      return {
        type: 'claimed',
        worker: `w${index}`,
        token: `t${index}`,
        leaseMs: 20_000,
        url: null,
      };
    case 'ended': {
      const result = resultOf(step, now);
      const { failures } = delivery;
      const { retryAfterAt } = result;
      const p = { failures: failures + 1, retryAfterAt, now, random: step.random };
      return { type: 'ended', token, result, next: nextDeliveryAt({ ...p, pausesMs }) };
    }
    case 'lease_expired':
      return { type: 'lease_expired', workerDead: step.flag };
    case 'redelivered':
      return { type: 'redelivered', trigger: step.flag ? 'manual' : 'redrive' };
    case 'discarded':
    case 'held':
    case 'released':
    case 'expired':
      return { type: step.kind };
    case 'endpoint':
      return assert.fail();
  }
}

const pausesMs = deliveryPausesMs.slice(0, 9);

function resultOf({ random, flag }: Step, now: number): AttemptResult {
  if (random < 0.2) return good;
  if (random < 0.3) return { ...bad, retryAfterAt: now + 86_400_000 * 40 * random };
  if (random < 0.35) return { ...bad, disable: 'gone' };
  if (random < 0.4) return { ...bad, abort: true };
  return { ...bad, endpointFault: flag };
}

function holdsFor(check: (life: ReturnType<typeof play>) => void): void {
  const property = fc.property(deliveries, steps, (delivery, script) => {
    check(play(delivery, script));
  });
  fc.assert(property, { numRuns: 1_000 });
}

const isOver = ({ state }: Delivery): boolean =>
  ['delivered', 'dead', 'cancelled', 'expired'].includes(state);

/** Each applied event with its result. */
function* applied(log: readonly Transition[]) {
  for (const entry of log) {
    const { decision } = entry;
    if (decision.outcome === 'applied') {
      yield { ...entry, after: decision.delivery, attempt: decision.attempt };
    }
  }
}

describe('any life of a delivery', () => {
  it('leaves an end only by the wish of a person', () => {
    holdsFor(({ log }) => {
      for (const { before, event, after } of applied(log)) {
        if (!isOver(before) || before.state === after.state) continue;
        if (event.type === 'redelivered') continue;
        assert.deepEqual(
          [before.state, event.type, after.state],
          ['dead', 'discarded', 'cancelled'],
        );
      }
    });
  });

  it('has at most one attempt under way: each begins after the one before has its end', () => {
    holdsFor(({ log }) => {
      let open: DeliveryAttempt | undefined;
      for (const { event, after, attempt } of applied(log)) {
        if (event.type === 'claimed') {
          assert.equal(open, undefined, 'two attempts overlap');
          open = attempt ?? undefined;
        } else if (attempt !== null) {
          assert.equal(attempt.number, open?.number, 'what ends is what is under way');
          assert.equal(attempt.worker, open?.worker);
          assert.equal(attempt.trigger, open?.trigger);
          open = undefined;
        }
        assert.equal(after.state === 'sending', open !== undefined);
        assert.equal(after.attempts, open?.number ?? after.attempts);
      }
    });
  });

  it('numbers its attempts from 1 without a gap, and records the end of each', () => {
    holdsFor(({ last, log }) => {
      const begun: number[] = [];
      const ended: number[] = [];
      for (const { attempt } of applied(log)) {
        if (attempt !== null) (attempt.endedAt === null ? begun : ended).push(attempt.number);
      }
      assert.deepEqual(
        begun,
        begun.map((_, i) => i + 1),
      );
      assert.equal(begun.length, last.attempts);
      assert.deepEqual(ended, last.state === 'sending' ? begun.slice(0, -1) : begun);
    });
  });

  it('never has more failures than failuresMax, nor is sent once it has as many', () => {
    holdsFor(({ log }) => {
      for (const { event, after } of applied(log)) {
        assert.ok(after.failures >= 0 && after.failures <= after.failuresMax);
        if (event.type === 'claimed') assert.ok(after.failures < after.failuresMax);
      }
    });
  });

  it('is never lost by a lease that ran out: it waits, or its time is over', () => {
    holdsFor(({ log }) => {
      for (const { before, event, after, endpoint, now } of applied(log)) {
        if (event.type !== 'lease_expired') continue;
        assert.equal(after.failures, before.failures, 'uncounted');
        assert.equal(after.id, before.id);
        if (before.failuresMax === 1) assert.equal(after.state, 'cancelled');
        else if (before.expiresAt <= now) assert.equal(after.state, 'expired');
        else if (endpoint === null) assert.equal(after.state, 'cancelled');
        else assert.equal(after.state, endpoint.disabled === null ? 'pending' : 'held');
      }
    });
  });

  it('waits for no endpoint that is disabled or removed', () => {
    holdsFor(({ log }) => {
      for (const { after, endpoint } of applied(log)) {
        if (after.state === 'pending') assert.equal(endpoint?.disabled, null);
        if (after.state === 'held') assert.ok(endpoint !== null && endpoint.disabled !== null);
      }
    });
  });

  it('is sent only when it is due, and never past its time', () => {
    holdsFor(({ log }) => {
      for (const { before, event, now } of applied(log)) {
        if (event.type !== 'claimed') continue;
        assert.equal(before.state, 'pending');
        const { nextAt } = before;
        const isWrong = nextAt !== null && nextAt > now + limits.deliveryTtlMs;
        assert.ok((nextAt !== null && nextAt <= now) || isWrong);
        assert.ok(before.expiresAt > now);
      }
    });
  });

  it('keeps its records in order: lease, next attempt, end, version', () => {
    holdsFor(({ log }) => {
      for (const { before, after, now } of applied(log)) {
        assert.equal(after.version, before.version + 1);
        assert.equal(after.lease !== null, after.state === 'sending');
        assert.equal(after.nextAt !== null, after.state === 'pending');
        assert.equal(after.nextReason !== null, after.state === 'pending');
        assert.equal(after.finishedAt !== null, isOver(after));
        const keptMs = after.state === 'dead' ? limits.deadLetterMs : limits.deliveryMs;
        assert.equal(after.removeAt, isOver(after) ? now + keptMs : null);
        assert.ok(after.expiresAt >= before.expiresAt);
        for (const member of ['id', 'url', 'endpointId', 'createdAt', 'failuresMax'] as const) {
          assert.equal(after[member], before[member]);
        }
      }
    });
  });

  it('plans an attempt exactly when it waits for one', () => {
    holdsFor(({ log }) => {
      for (const { after, attempt } of applied(log)) {
        if (attempt === null || attempt.endedAt === null) continue;
        assert.equal(attempt.nextAt, after.nextAt);
        assert.equal(attempt.nextReason, after.nextReason);
      }
    });
  });

  it('lets a stale token change nothing', () => {
    holdsFor(({ log }) => {
      for (const { event, decision } of log) {
        if (event.type === 'ended' && event.token === 'stale') {
          assert.equal(decision.outcome, 'lost');
        }
      }
    });
  });

  it('is tried in earnest: the lives above apply every event and reach every state', () => {
    const seen = new Set<string>();
    holdsFor(({ log }) => {
      for (const { event, after, attempt } of applied(log)) {
        seen.add(event.type).add(after.state);
        if (attempt !== null) seen.add(`attempt ${attempt.outcome}`).add(attempt.trigger);
      }
    });
    const wanted = [
      'claimed ended lease_expired redelivered discarded held released expired'.split(' '),
      'pending sending delivered held dead cancelled expired schedule manual redrive'.split(' '),
      ['sending', 'delivered', 'failed', 'unknown'].map((outcome) => `attempt ${outcome}`),
    ].flat();
    assert.deepEqual(
      wanted.filter((name) => !seen.has(name)),
      [],
    );
  });
});
