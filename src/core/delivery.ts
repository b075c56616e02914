import { limits } from './limits.ts';
import { isPast } from './transitions.ts';

/**
 * A delivery: one webhook event on its way to one endpoint, with attempts of its own. This is
 * its state machine, complete and pure: stores read, call `decideDelivery`, and write the result.
 *
 *   pending  waits for `nextAt`           sending    an attempt holds the lease
 *   held     its endpoint is disabled     delivered  a 2xx came
 *   dead     used up its attempts: a dead letter, waits for a person
 *   cancelled  discarded; or failed and is never retried, as later events overtake it
 *   expired    waited past `expiresAt`
 *
 *   pending --claimed--> sending --delivered--> delivered
 *      ^  ^                 |--failed (again), lease_expired--> pending
 *      |  |                 '--failed (last) --> dead, or cancelled when it is never retried
 *      |  '--released-- held <--held-- pending
 *      '--redelivered (by a person) -- dead, held, delivered, cancelled, expired, pending
 *                     (in bulk) ----- dead, expired
 *   pending, held, dead --discarded (in bulk: dead)--> cancelled   pending, held --expired--> expired
 *
 * The id never changes, however often the delivery is sent again. Two attempts of one delivery never
 * overlap: the lease is the fence, and a delivery is not redelivered while an attempt is under way.
 */
export const webhookEvents = [
  'operation.started',
  'operation.progress',
  'operation.completed',
  'operation.failed',
] as const;
/** An event that an endpoint may subscribe to. */
export type WebhookEvent = (typeof webhookEvents)[number];
/**
 * The events of a final state: sent unless others are asked for, and the only ones that are
 * retried.
 */
export const finalWebhookEvents = ['operation.completed', 'operation.failed'] as const;
/** An event that a delivery may carry: `webhook.test` is sent when a person asks for it. */
export type DeliveryEvent = WebhookEvent | 'webhook.test';

/** Whether the event announces a final state. */
export function isFinalEvent(event: DeliveryEvent): boolean {
  return finalWebhookEvents.some((final) => final === event);
}

/** Whether the event is out of date once the final event of its operation is kept. */
export function isOvertaken(event: DeliveryEvent): boolean {
  return event === 'operation.started' || event === 'operation.progress';
}

/** The webhook that a request asks for, about its operation. */
export type WebhookTarget = {
  /** The address as it came, query included. */
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  readonly headers: Readonly<Record<string, string>>;
  /** Signs instead of the tenant's secret; null: the tenant's signs. Never shown. */
  readonly secret: string | null;
};

/** The states of a delivery; the state machine at the top of this file defines them. */
export const deliveryStates = [
  'pending',
  'sending',
  'delivered',
  'held',
  'dead',
  'cancelled',
  'expired',
] as const;
/**
 * One of deliveryStates. delivered, dead, cancelled and expired are final until a person sends the
 * delivery again.
 */
export type DeliveryState = (typeof deliveryStates)[number];

/** The reason for an attempt: the schedule, a person, or a redrive in bulk. */
export type DeliveryTrigger = 'schedule' | 'manual' | 'redrive';

/** The record of a delivery as stored. Instants are integer milliseconds; null means "not yet" or "none". */
export type Delivery = {
  readonly id: string;
  readonly tenant: string;
  readonly endpointId: string;
  /** null: a test event. */
  readonly operationId: string | null;
  readonly event: DeliveryEvent;
  /**
   * The address, query included. A registered endpoint may move: each attempt goes to its address
   * at that moment, which is then recorded here.
   */
  readonly url: string;
  readonly state: DeliveryState;
  /** Counts up with every change. */
  readonly version: number;
  readonly createdAt: number;
  /** Attempts begun so far. */
  readonly attempts: number;
  /**
   * Failures that count for the schedule. A person who sends it again resets them to 0; a crash
   * does not count.
   */
  readonly failures: number;
  /** The delivery is dead after so many failures. */
  readonly failuresMax: number;
  /** While pending: not sent before this instant; else null. */
  readonly nextAt: number | null;
  /**
   * The reason for that time, for people: "schedule step 3 ±20 %", "Retry-After 120"; null when not
   * pending.
   */
  readonly nextReason: string | null;
  readonly trigger: DeliveryTrigger;
  readonly lease: {
    readonly token: string;
    readonly worker: string;
    readonly expiresAt: number;
  } | null;
  /** HTTP status and error class of the latest attempt that ended. */
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  /** After this instant the delivery is no longer sent, and becomes `expired`. */
  readonly expiresAt: number;
  /** When it reached delivered, dead, cancelled or expired. */
  readonly finishedAt: number | null;
  /** When the record is removed; set with finishedAt. */
  readonly removeAt: number | null;
};

/**
 * The record of one attempt of a delivery, written before its first byte leaves and again at its
 * end.
 */
export type DeliveryAttempt = {
  readonly deliveryId: string;
  /** From 1. */
  readonly number: number;
  readonly trigger: DeliveryTrigger;
  readonly worker: string;
  readonly startedAt: number;
  /** null while it is under way. */
  readonly endedAt: number | null;
  /** unknown: the worker died, so the receiver may have got it. */
  readonly outcome: 'sending' | 'delivered' | 'failed' | 'unknown';
  /** null: there is no answer, or none yet. */
  readonly answer: DeliveryAnswer | null;
  /** `blocked_address`, `dns`, `connect_refused`, `connect_timeout`, `reset`, `tls`, `timeout`, `protocol`, `http_NNN`; null: none. */
  readonly error: string | null;
  /** For operators; never says why or how an address was blocked. */
  readonly detail: string | null;
  /** null: unknown, or not yet. */
  readonly timings: DeliveryTimings | null;
  /** When the next attempt was planned, and why; null: none was planned. */
  readonly nextAt: number | null;
  readonly nextReason: string | null;
};

/**
 * How long each phase of an attempt took, in ms; null for a phase that was not reached or that a
 * kept connection made unnecessary.
 */
export type DeliveryTimings = {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
};

/** The endpoint's answer, as far as it is kept. */
export type DeliveryAnswer = {
  readonly status: number;
  /** At most limits.deliveryAnswerHeaderChars in all, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The first limits.deliveryExcerptBytes of the body as UTF-8 text, or base64 when it is not text;
   * null: no body.
   */
  readonly excerpt: { readonly text: string } | { readonly base64: string } | null;
};

/** How an attempt ended, as its sender saw it. */
export type AttemptResult = {
  readonly delivered: boolean;
  readonly answer: DeliveryAnswer | null;
  readonly error: string | null;
  readonly detail: string | null;
  readonly timings: DeliveryTimings | null;
  /** The failure is the endpoint's, not this message's alone: transport, timeout, 5xx, 429. */
  readonly endpointFault: boolean;
  /**
   * The endpoint asks for no delivery before this instant (429, 503 with Retry-After); null: it did
   * not say.
   */
  readonly retryAfterAt: number | null;
  /** The endpoint asks for no more deliveries at all: 410, or `webhook-delivery: disable`. */
  readonly disable: 'gone' | 'requested' | null;
  /** `webhook-delivery: abort-message`: the delivery is dead at once. */
  readonly abort: boolean;
};

/** An event in the life of a delivery. */
export type DeliveryTransition =
  | {
      readonly type: 'claimed';
      readonly worker: string;
      readonly token: string;
      readonly leaseMs: number;
      /** The present address of a registered endpoint, which may have moved; null: unchanged. */
      readonly url: string | null;
    }
  | {
      readonly type: 'ended';
      readonly token: string;
      readonly result: AttemptResult;
      /** When the schedule would send again (core/delivery-schedule.ts); null: this failure was the last. */
      readonly next: { readonly at: number; readonly reason: string } | null;
    }
  | { readonly type: 'lease_expired'; readonly workerDead: boolean }
  | { readonly type: 'redelivered'; readonly trigger: 'manual' | 'redrive' }
  /**
   * Discarded by a person, one by one or in bulk; or its endpoint was removed, or it is out of
   * date.
   */
  | { readonly type: 'discarded'; readonly inBulk?: boolean }
  /** Its endpoint was disabled, or enabled again. */
  | { readonly type: 'held' }
  | { readonly type: 'released' }
  | { readonly type: 'expired' };

/**
 * The result of an event. `applied`: write the delivery whole, in one commit; otherwise write
 * nothing.
 */
export type DeliveryDecision =
  | {
      readonly outcome: 'applied';
      readonly delivery: Delivery;
      /** The attempt that this event began or ended; write it in the same commit. */
      readonly attempt: DeliveryAttempt | null;
    }
  /** Another worker holds the lease, or it is gone. */
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'unchanged' };

const lost: DeliveryDecision = { outcome: 'lost' };
const unchanged: DeliveryDecision = { outcome: 'unchanged' };

/** What `event` does to `delivery` at `now`. Never throws, never mutates. */
export function decideDelivery(
  delivery: Delivery,
  event: DeliveryTransition,
  now: number,
): DeliveryDecision {
  switch (event.type) {
    case 'claimed':
      return isDue(delivery, now) ? claimed(delivery, event, now) : lost;
    case 'ended':
      return delivery.lease?.token === event.token ? ended(delivery, event, now) : lost;
    case 'lease_expired':
      return leaseExpired(delivery, event.workerDead, now);
    case 'redelivered':
      if (!mayBeRedelivered(delivery, event.trigger)) return unchanged;
      return applied(delivery, {
        ...waiting(now, event.trigger === 'manual' ? 'sent again by hand' : 'redrive'),
        failures: 0,
        trigger: event.trigger,
        expiresAt: Math.max(delivery.expiresAt, now + limits.deliveryTtlMs),
      });
    case 'discarded':
      return mayBeDiscarded(delivery, event.inBulk === true)
        ? applied(delivery, finished('cancelled', now))
        : unchanged;
    case 'held':
      if (delivery.state !== 'pending') return unchanged;
      return applied(delivery, { state: 'held', nextAt: null, nextReason: null });
    case 'released':
      if (delivery.state !== 'held') return unchanged;
      return applied(delivery, waiting(now, 'endpoint enabled'));
    case 'expired': {
      const waits = delivery.state === 'pending' || delivery.state === 'held';
      return waits && delivery.expiresAt <= now
        ? applied(delivery, finished('expired', now))
        : unchanged;
    }
  }
}

/**
 * A person may send any single delivery that is not being sent. A bulk redrive lists dead and
 * expired ones first: one that is neither by now was sent again by somebody else.
 */
function mayBeRedelivered({ state }: Delivery, trigger: 'manual' | 'redrive'): boolean {
  return trigger === 'manual' ? state !== 'sending' : state === 'dead' || state === 'expired';
}

/**
 * In bulk only dead letters may be discarded: one that is no longer dead was sent again by somebody
 * else.
 */
function mayBeDiscarded({ state }: Delivery, inBulk: boolean): boolean {
  return state === 'dead' || (!inBulk && (state === 'pending' || state === 'held'));
}

/** Whether the delivery itself may be sent now; its endpoint may still say no. */
export function isDue(delivery: Delivery, now: number): boolean {
  return (
    delivery.state === 'pending' &&
    delivery.nextAt !== null &&
    isPast(delivery.nextAt, now, limits.deliveryTtlMs) &&
    delivery.expiresAt > now
  );
}

function claimed(
  delivery: Delivery,
  event: DeliveryTransition & { readonly type: 'claimed' },
  now: number,
): DeliveryDecision {
  const { worker, token, leaseMs } = event;
  const sending: Delivery = {
    ...delivery,
    state: 'sending',
    version: delivery.version + 1,
    url: event.url ?? delivery.url,
    attempts: delivery.attempts + 1,
    nextAt: null,
    nextReason: null,
    lease: { token, worker, expiresAt: now + leaseMs },
  };
  return { outcome: 'applied', delivery: sending, attempt: attemptUnderWay(sending, now) };
}

/** The record of the attempt that holds the lease of `delivery`, begun at `startedAt`. */
export function attemptUnderWay(delivery: Delivery, startedAt: number): DeliveryAttempt {
  return {
    deliveryId: delivery.id,
    number: delivery.attempts,
    trigger: delivery.trigger,
    worker: delivery.lease?.worker ?? '',
    startedAt,
    endedAt: null,
    outcome: 'sending',
    answer: null,
    error: null,
    detail: null,
    timings: null,
    nextAt: null,
    nextReason: null,
  };
}

function ended(
  delivery: Delivery,
  event: DeliveryTransition & { readonly type: 'ended' },
  now: number,
): DeliveryDecision {
  const { result } = event;
  const failures = delivery.failures + (result.delivered ? 0 : 1);
  const again =
    result.delivered || result.abort || failures >= delivery.failuresMax ? null : event.next;
  const attempt: DeliveryAttempt = {
    ...endedAttempt(delivery, now),
    outcome: result.delivered ? 'delivered' : 'failed',
    answer: result.answer,
    error: result.error,
    detail: result.detail,
    timings: result.timings,
    nextAt: again?.at ?? null,
    nextReason: again?.reason ?? null,
  };
  const state = result.delivered ? 'delivered' : givenUp(delivery);
  const after: Delivery = {
    ...delivery,
    ...(again === null ? finished(state, now) : waiting(again.at, again.reason)),
    version: delivery.version + 1,
    failures,
    lease: null,
    trigger: 'schedule',
    lastStatus: result.answer?.status ?? null,
    lastError: result.error,
  };
  return { outcome: 'applied', delivery: after, attempt };
}

/**
 * The receiver may have got the attempt: it is made again with the same id, and the schedule does
 * not count it.
 */
function leaseExpired(delivery: Delivery, workerDead: boolean, now: number): DeliveryDecision {
  if (delivery.state !== 'sending' || delivery.lease === null) return unchanged;
  const { expiresAt } = delivery.lease;
  if (!workerDead && !isPast(expiresAt, now, limits.leaseMsMax)) return unchanged;
  const reason = 'outcome unknown: the worker was lost';
  const attempt = { ...endedAttempt(delivery, now), outcome: 'unknown' } as const;
  if (isNeverRetried(delivery)) {
    return applied(delivery, { lease: null, ...finished(givenUp(delivery), now) }, attempt);
  }
  if (delivery.expiresAt <= now) {
    return applied(delivery, { lease: null, ...finished('expired', now) }, attempt);
  }
  const planned = { ...attempt, nextAt: now, nextReason: reason };
  return applied(delivery, { lease: null, ...waiting(now, reason) }, planned);
}

/**
 * True for started, progress and test events, which would be out of date by the time of a retry.
 */
function isNeverRetried(delivery: Delivery): boolean {
  return delivery.failuresMax === 1;
}

/**
 * A dead letter waits for a person, and a person can do nothing with an event that is out of date.
 */
function givenUp(delivery: Delivery): 'dead' | 'cancelled' {
  return isNeverRetried(delivery) ? 'cancelled' : 'dead';
}

/**
 * The end of the attempt that claimed() began, as far as the delivery knows it. A store keeps
 * `startedAt` of the row it has.
 */
function endedAttempt(delivery: Delivery, now: number): DeliveryAttempt {
  return { ...attemptUnderWay(delivery, now), endedAt: now };
}

function waiting(nextAt: number, nextReason: string) {
  return { state: 'pending', nextAt, nextReason, finishedAt: null, removeAt: null } as const;
}

function finished(state: 'delivered' | 'dead' | 'cancelled' | 'expired', now: number) {
  const keptMs = state === 'dead' ? limits.deadLetterMs : limits.deliveryMs;
  return {
    state,
    nextAt: null,
    nextReason: null,
    finishedAt: now,
    removeAt: now + keptMs,
  } as const;
}

function applied(
  delivery: Delivery,
  change: Partial<Delivery>,
  attempt: DeliveryAttempt | null = null,
): DeliveryDecision {
  return {
    outcome: 'applied',
    delivery: { ...delivery, ...change, version: delivery.version + 1 },
    attempt,
  };
}
