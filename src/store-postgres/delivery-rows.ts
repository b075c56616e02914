import type {
  Delivery,
  DeliveryAnswer,
  DeliveryAttempt,
  DeliveryEvent,
  DeliveryState,
  DeliveryTimings,
  DeliveryTrigger,
} from '../core/delivery.ts';
import type { StoredDelivery } from '../store/delivery-store.ts';
import { jsonOrNull, membersOf, parsed } from '../store/json-columns.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Row } from './connection.ts';

/**
 * Rows to records and back, by position, as in store/operation-rows.ts. Text from a receiver is
 * stored as JSON, because it may hold a U+0000.
 */
export const deliveryColumns = `
  id, endpoint_id, state, version, created_at, attempts, failures, failures_max, next_at, expires_at,
  finished_at, remove_at, attempt_started_at, lease_expires_at, lease_token, lease_worker, trigger,
  last_status, last_error, next_reason, tenant, event, operation_id, url`;

/** The index of the first column that follows deliveryColumns in a SELECT. */
export const deliveryColumnCount = 24;

export const keptColumns = 'body, headers, secret';

type Nullable<Kind> = Kind | null;

/** Start of the attempt under way; null: there is none. */
export function attemptStartOf(row: Row): Nullable<number> {
  return row[12] as Nullable<number>;
}

export function deliveryOf(row: Row): Delivery {
  return {
    id: row[0] as string,
    tenant: row[20] as string,
    endpointId: row[1] as string,
    operationId: row[22] as Nullable<string>,
    event: row[21] as DeliveryEvent,
    url: row[23] as string,
    state: row[2] as DeliveryState,
    version: row[3] as number,
    createdAt: row[4] as number,
    attempts: row[5] as number,
    failures: row[6] as number,
    failuresMax: row[7] as number,
    nextAt: row[8] as Nullable<number>,
    nextReason: row[19] as Nullable<string>,
    trigger: row[16] as DeliveryTrigger,
    lease:
      row[14] === null
        ? null
        : {
            token: row[14] as string,
            worker: row[15] as string,
            expiresAt: row[13] as number,
          },
    lastStatus: row[17] as Nullable<number>,
    lastError: row[18] as Nullable<string>,
    expiresAt: row[9] as number,
    finishedAt: row[10] as Nullable<number>,
    removeAt: row[11] as Nullable<number>,
  };
}

/** From a row of keptColumns. */
export function storedDeliveryOf(delivery: Delivery, row: Row): StoredDelivery {
  return {
    delivery,
    body: row[0] as string,
    headers: membersOf(row[1] ?? null),
    secret: row[2] as Nullable<string>,
  };
}

export const deliveryAttemptColumns = `
  number, trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason,
  timings, answer`;

export function deliveryAttemptOf(deliveryId: string, row: Row): DeliveryAttempt {
  return {
    deliveryId,
    number: row[0] as number,
    trigger: row[1] as DeliveryTrigger,
    worker: row[2] as string,
    startedAt: row[3] as number,
    endedAt: row[4] as number,
    outcome: row[5] as DeliveryAttempt['outcome'],
    answer: parsed(row[11] ?? null) as Nullable<DeliveryAnswer>,
    error: row[6] as Nullable<string>,
    detail: parsed(row[7] ?? null) as Nullable<string>,
    timings: parsed(row[10] ?? null) as Nullable<DeliveryTimings>,
    nextAt: row[8] as Nullable<number>,
    nextReason: row[9] as Nullable<string>,
  };
}

/** A batch of attempts as arrays: the delivery's id, then deliveryAttemptColumns. */
export function deliveryAttemptArrays(attempts: readonly DeliveryAttempt[]): string[] {
  return [
    textArray(attempts.map(({ deliveryId }) => deliveryId)),
    numberArray(attempts.map(({ number }) => number)),
    textArray(attempts.map(({ trigger }) => trigger)),
    textArray(attempts.map(({ worker }) => worker)),
    numberArray(attempts.map(({ startedAt }) => startedAt)),
    numberArray(attempts.map(({ endedAt }) => endedAt)),
    textArray(attempts.map(({ outcome }) => outcome)),
    textArray(attempts.map(({ error }) => error)),
    textArray(attempts.map(({ detail }) => (detail === null ? null : JSON.stringify(detail)))),
    numberArray(attempts.map(({ nextAt }) => nextAt)),
    textArray(attempts.map(({ nextReason }) => nextReason)),
    textArray(attempts.map(({ timings }) => jsonOrNull(timings))),
    textArray(attempts.map(({ answer }) => jsonOrNull(answer))),
  ];
}

/** The attempt under way, which has no row of its own yet; null: there is none. */
export function attemptUnderWay(row: Row): DeliveryAttempt | null {
  const { id, attempts, trigger, lease } = deliveryOf(row);
  const startedAt = attemptStartOf(row);
  if (lease === null || startedAt === null) return null;
  return {
    deliveryId: id,
    number: attempts,
    trigger,
    worker: lease.worker,
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
