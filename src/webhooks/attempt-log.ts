import type { Delivery } from '../core/delivery.ts';
import type { Logger } from '../engine/logger.ts';
import type { DeliverySettlement } from '../store/delivery-store.ts';
import type { SettleOutcome } from '../store/store.ts';
import type { SendingAttempt } from './sending-attempts.ts';

type LoggedAttempt = {
  readonly attempt: SendingAttempt;
  readonly settlement: DeliverySettlement;
  readonly outcome: SettleOutcome;
  readonly now: number;
};

/**
 * Logs one wide line for every attempt; the line of the last attempt is also that of the delivery's
 * end. Paths and queries of addresses may be secrets (many receivers' are), so only the origin of
 * an address is logged, and bodies, headers and secrets never are. Returns when the next attempt is
 * due; null: there is none.
 */
export function logAttempt(logger: Logger, p: LoggedAttempt): number | null {
  const { delivery } = p.attempt.claimed;
  const { result } = p.settlement;
  if (p.outcome === 'lost') {
    logger.warn(
      attemptFields(p),
      'The end of a delivery attempt was fenced off: its lease was lost.',
    );
    return null;
  }
  if (result.delivered) {
    logger.info(attemptFields(p), 'Delivered.');
    return null;
  }
  const next = isLast(delivery, p.settlement) ? null : p.settlement.next;
  if (next !== null) {
    const fields = { ...attemptFields(p), nextAt: next.at, nextReason: next.reason };
    logger.warn(fields, 'A delivery attempt failed; it will be sent again.');
    return next.at;
  }
  if (delivery.failuresMax > 1) {
    logger.error(
      attemptFields(p),
      'Not delivered: it is a dead letter now and waits for a person.',
    );
  } else {
    logger.warn(attemptFields(p), 'Not delivered, and never sent again.');
  }
  return null;
}

function isLast(delivery: Delivery, { result, next }: DeliverySettlement): boolean {
  return next === null || result.abort || delivery.failures + 1 >= delivery.failuresMax;
}

function attemptFields({ attempt, settlement, now }: LoggedAttempt) {
  const { delivery, endpoint } = attempt.claimed;
  const { result } = settlement;
  return {
    delivery: delivery.id,
    operation: delivery.operationId,
    event: delivery.event,
    endpoint: endpoint.id,
    origin: endpoint.origin,
    attempt: delivery.attempts,
    trigger: delivery.trigger,
    status: result.answer?.status ?? null,
    error: result.error,
    detail: result.detail,
    ms: Math.max(0, now - attempt.startedAt),
    ...result.timings,
    /** Since the event, from which the delay of the first attempt is measured. */
    ageMs: Math.max(0, now - delivery.createdAt),
    disable: result.disable,
  };
}

/** Logs a delivery that a sweep changed. */
export function logSwept(logger: Logger, delivery: Delivery): void {
  const { id, operationId, event, endpointId, attempts, state } = delivery;
  const fields = {
    delivery: id,
    operation: operationId,
    event,
    endpoint: endpointId,
    attempts,
    state,
  };
  if (state === 'expired')
    logger.warn(fields, 'A delivery waited too long: it is not sent any more.');
  else if (state === 'pending') {
    logger.warn(fields, 'A delivery whose worker was lost: it is sent again, with the same id.');
  } else logger.warn(fields, 'A delivery whose worker was lost: never sent again.');
}
