import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bad,
  deepFreeze,
  good,
  now,
  pending,
  samples,
  sending,
  token,
} from './delivery.fixture.ts';
import {
  decideDelivery,
  deliveryStates,
  isDue,
  type Delivery,
  type DeliveryAttempt,
  type DeliveryDecision,
  type DeliveryTransition,
} from './delivery.ts';
import { limits } from './limits.ts';

const next = { at: now + 30_000, reason: 'schedule step 2 ±20 %' };

/** All events of decideDelivery, with the right token and with another one. */
const events = {
  claimed: { type: 'claimed', worker: 'w2', token: 'token-2', leaseMs: 20_000, url: null },
  delivered: { type: 'ended', token, result: good, next: null },
  failed: { type: 'ended', token, result: bad, next },
  failedLast: { type: 'ended', token, result: bad, next: null },
  endedByAnother: { type: 'ended', token: 'stale', result: good, next: null },
  leaseExpired: { type: 'lease_expired', workerDead: false },
  workerDead: { type: 'lease_expired', workerDead: true },
  redelivered: { type: 'redelivered', trigger: 'manual' },
  redriven: { type: 'redelivered', trigger: 'redrive' },
  discarded: { type: 'discarded' },
  held: { type: 'held' },
  released: { type: 'released' },
  expired: { type: 'expired' },
} satisfies Record<string, DeliveryTransition>;

/** What each event does to each state, here with time left and the lease running. */
const table: Record<Delivery['state'], Partial<Record<keyof typeof events, string>>> = {
  pending: {
    claimed: 'sending',
    redelivered: 'pending',
    discarded: 'cancelled',
    held: 'held',
  },
  sending: {
    delivered: 'delivered',
    failed: 'pending',
    failedLast: 'dead',
    workerDead: 'pending',
  },
  held: { redelivered: 'pending', discarded: 'cancelled', released: 'pending' },
  dead: { redelivered: 'pending', redriven: 'pending', discarded: 'cancelled' },
  delivered: { redelivered: 'pending' },
  cancelled: { redelivered: 'pending' },
  expired: { redelivered: 'pending', redriven: 'pending' },
};

describe('decideDelivery', () => {
  for (const state of deliveryStates) {
    for (const [name, event] of Object.entries(events)) {
      const after = table[state][name as keyof typeof events];
      const what = after === undefined ? 'changes nothing' : `makes it ${after}`;
      it(`${state}: ${name} ${what}`, () => {
        const before = deepFreeze(samples[state]);
        const decision = decideDelivery(before, deepFreeze(event), now);
        if (after === undefined) {
          const isFenced = event.type === 'claimed' || event.type === 'ended';
          assert.deepEqual(decision, { outcome: isFenced ? 'lost' : 'unchanged' });
          return;
        }
        assert.ok(decision.outcome === 'applied');
        assert.equal(decision.delivery.state, after);
        assert.equal(decision.delivery.version, before.version + 1);
      });
    }
  }

  it('claimed: the attempt that begins has its row, under the new lease', () => {
    const trigger = 'redrive';
    const { delivery, attempt } = applied({ ...pending, trigger }, events.claimed);
    assert.deepEqual(delivery, {
      ...pending,
      trigger,
      state: 'sending',
      version: 5,
      attempts: 3,
      nextAt: null,
      nextReason: null,
      lease: { token: 'token-2', worker: 'w2', expiresAt: now + 20_000 },
    });
    assert.deepEqual(attempt, {
      ...row,
      number: 3,
      trigger,
      worker: 'w2',
      endedAt: null,
      outcome: 'sending',
    });
  });

  it('claimed: neither before it is due nor once its time is over', () => {
    assert.equal(isDue({ ...pending, nextAt: now }, now), true);
    assert.equal(isDue({ ...pending, nextAt: now + 1 }, now), false);
    assert.equal(isDue({ ...pending, expiresAt: now + 1 }, now), true);
    assert.equal(isDue({ ...pending, expiresAt: now }, now), false);
    const tooEarly = { ...pending, nextAt: now + 1 };
    assert.deepEqual(decideDelivery(tooEarly, events.claimed, now), { outcome: 'lost' });
  });

  it('claimed: an instant further ahead than any legal one is due, as the clock was wrong', () => {
    const expiresAt = now + 10 * limits.deliveryTtlMs;
    const nextAt = now + limits.deliveryTtlMs;
    assert.equal(isDue({ ...pending, nextAt, expiresAt }, now), false);
    assert.equal(isDue({ ...pending, nextAt: nextAt + 1, expiresAt }, now), true);
  });

  it('delivered: over, with what the receiver answered', () => {
    const trigger = 'manual';
    const { delivery, attempt } = applied({ ...sending, trigger }, events.delivered);
    assert.deepEqual(delivery, {
      ...sending,
      state: 'delivered',
      version: 5,
      lease: null,
      lastStatus: 204,
      lastError: null,
      finishedAt: now,
      removeAt: now + limits.deliveryMs,
    });
    const { answer, timings } = good;
    assert.deepEqual(attempt, { ...row, trigger, outcome: 'delivered', answer, timings });
  });

  it('failed: waits for what the schedule says, and both records say why', () => {
    const { delivery, attempt } = applied({ ...sending, trigger: 'manual' }, events.failed);
    assert.deepEqual(delivery, {
      ...sending,
      state: 'pending',
      version: 5,
      lease: null,
      failures: 2,
      trigger: 'schedule',
      nextAt: next.at,
      nextReason: next.reason,
      lastStatus: 503,
      lastError: 'http_503',
    });
    assert.deepEqual(attempt, {
      ...row,
      trigger: 'manual',
      outcome: 'failed',
      answer: bad.answer,
      error: bad.error,
      detail: bad.detail,
      timings: bad.timings,
      nextAt: next.at,
      nextReason: next.reason,
    });
  });

  it('failed without an answer: the status of an earlier attempt is not kept', () => {
    const result = { ...bad, answer: null, error: 'dns' };
    const { delivery } = applied(sending, { ...events.failed, result });
    assert.deepEqual([delivery.lastStatus, delivery.lastError], [null, 'dns']);
  });

  it('failed for the last time: a dead letter, kept for long, whatever was planned', () => {
    const spent = { ...sending, failures: 2 };
    const aborted = { ...events.failed, result: { ...bad, abort: true } };
    for (const [before, event] of [
      [spent, events.failed],
      [sending, events.failedLast],
      [sending, aborted],
    ] as const) {
      const { delivery, attempt } = applied(before, event);
      assert.equal(delivery.state, 'dead');
      assert.deepEqual(
        [delivery.finishedAt, delivery.removeAt, delivery.nextAt],
        [now, now + limits.deadLetterMs, null],
      );
      assert.deepEqual([attempt?.nextAt, attempt?.nextReason], [null, null]);
    }
  });

  it('failed, of an event that is never retried: cancelled, as nobody can do anything with it', () => {
    const once = { ...sending, failures: 0, failuresMax: 1 };
    for (const event of [events.failed, events.workerDead]) {
      const { delivery, attempt } = applied(once, event);
      assert.equal(delivery.state, 'cancelled');
      assert.equal(delivery.removeAt, now + limits.deliveryMs);
      assert.equal(attempt?.nextAt, null);
    }
  });

  it('lease expired: sent again at once, with its outcome unknown and uncounted', () => {
    const { delivery, attempt } = applied(sending, events.leaseExpired, now + 10_000);
    const at = now + 10_000;
    const nextReason = 'outcome unknown: the worker was lost';
    assert.deepEqual(delivery, {
      ...sending,
      state: 'pending',
      version: 5,
      lease: null,
      nextAt: at,
      nextReason,
    });
    assert.deepEqual(attempt, {
      ...row,
      startedAt: at,
      endedAt: at,
      outcome: 'unknown',
      nextAt: at,
      nextReason,
    });
  });

  it('lease expired: not a millisecond early, but when it is further ahead than any legal one', () => {
    const outcomeAt = (at: number) => decideDelivery(sending, events.leaseExpired, at).outcome;
    const { expiresAt } = sending.lease!;
    assert.equal(outcomeAt(expiresAt - 1), 'unchanged');
    assert.equal(outcomeAt(expiresAt), 'applied');
    assert.equal(outcomeAt(expiresAt - limits.leaseMsMax), 'unchanged');
    assert.equal(outcomeAt(expiresAt - limits.leaseMsMax - 1), 'applied');
  });

  it('lease expired, and its time is over: expired, and no attempt is planned', () => {
    const { delivery, attempt } = applied({ ...sending, expiresAt: now }, events.workerDead);
    assert.deepEqual(
      [delivery.state, delivery.nextAt, attempt?.outcome, attempt?.nextAt, attempt?.nextReason],
      ['expired', null, 'unknown', null, null],
    );
  });

  it('redelivered: starts over with its failures forgotten and its life renewed', () => {
    const undelivered = ['dead', 'expired'] as const;
    for (const [trigger, nextReason, states] of [
      ['manual', 'sent again by hand', deliveryStates.filter((one) => one !== 'sending')],
      ['redrive', 'redrive', undelivered],
    ] as const) {
      for (const state of states) {
        const before = samples[state];
        const { delivery, attempt } = applied(before, { type: 'redelivered', trigger });
        assert.deepEqual(delivery, {
          ...before,
          state: 'pending',
          version: 5,
          failures: 0,
          trigger,
          nextAt: now,
          nextReason,
          expiresAt: now + limits.deliveryTtlMs,
          finishedAt: null,
          removeAt: null,
        });
        assert.equal(attempt, null);
      }
    }
  });

  it('redelivered: never has less time than before', () => {
    const expiresAt = now + 2 * limits.deliveryTtlMs;
    assert.equal(
      applied({ ...pending, expiresAt }, events.redelivered).delivery.expiresAt,
      expiresAt,
    );
  });

  it('held and released: out of the queue, and back at its head', () => {
    const { delivery: held } = applied(pending, events.held);
    assert.deepEqual(held, { ...samples.held, version: 5 });
    const { delivery: back } = applied(held, events.released);
    assert.deepEqual(back, {
      ...pending,
      version: 6,
      nextAt: now,
      nextReason: 'endpoint enabled',
    });
  });

  it('discarded: cancelled, and kept as long as any that is over', () => {
    for (const state of ['pending', 'held', 'dead'] as const) {
      const { delivery } = applied(samples[state], events.discarded);
      assert.deepEqual(delivery, { ...samples.cancelled, version: 5, ...finishedNow });
    }
  });

  it('expired: at its very instant, waiting or held, and never while it is sent', () => {
    for (const state of ['pending', 'held'] as const) {
      const before = { ...samples[state], expiresAt: now };
      const early = decideDelivery(before, events.expired, now - 1);
      assert.deepEqual(early, { outcome: 'unchanged' });
      const { delivery } = applied(before, events.expired);
      assert.deepEqual(delivery, {
        ...samples.expired,
        version: 5,
        expiresAt: now,
        ...finishedNow,
      });
    }
    const before = { ...sending, expiresAt: now - 1 };
    assert.deepEqual(decideDelivery(before, events.expired, now), { outcome: 'unchanged' });
  });
});

const finishedNow = { finishedAt: now, removeAt: now + limits.deliveryMs };

const row: DeliveryAttempt = {
  deliveryId: pending.id,
  number: 2,
  trigger: 'schedule',
  worker: 'w1',
  startedAt: now,
  endedAt: now,
  outcome: 'failed',
  answer: null,
  error: null,
  detail: null,
  timings: null,
  nextAt: null,
  nextReason: null,
};

function applied(
  before: Delivery,
  ...[event, at = now]: [DeliveryTransition, number?]
): DeliveryDecision & { readonly outcome: 'applied' } {
  const decision = decideDelivery(deepFreeze(before), deepFreeze(event), at);
  assert.ok(decision.outcome === 'applied');
  return decision;
}
