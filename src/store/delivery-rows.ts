import type {
  Delivery,
  DeliveryAnswer,
  DeliveryAttempt,
  DeliveryEvent,
  DeliveryState,
  DeliveryTimings,
  DeliveryTrigger,
} from '../core/delivery.ts';
import type { StoredDelivery } from './delivery-store.ts';
import { membersOf, parsed, type TextOf } from './json-columns.ts';

/**
 * The columns of a delivery in the stores that keep tables, read by position as in
 * operation-rows.ts. The names are those of both schemas but for `endpoint_id`: SQLite's rows refer
 * to the endpoint by its seq, so its store puts a subquery for the id in that place.
 */
export const deliveryColumns = `
  id, endpoint_id, state, version, created_at, attempts, failures, failures_max, next_at, expires_at,
  finished_at, remove_at, attempt_started_at, lease_expires_at, lease_token, lease_worker, trigger,
  last_status, last_error, next_reason, tenant, event, operation_id, url`;

/** The index of the first column that follows deliveryColumns in a SELECT. */
export const deliveryColumnCount = deliveryColumns.split(',').length;

/** A row as an array of its column values. */
type Row = readonly unknown[];
type Nullable<Kind> = Kind | null;

/** Makes the record from a row of deliveryColumns; columns that follow them are ignored. */
export function deliveryOf(row: Row): Delivery {
  const leaseToken = row[14] as Nullable<string>;
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
      leaseToken === null
        ? null
        : { token: leaseToken, worker: row[15] as string, expiresAt: row[13] as number },
    lastStatus: row[17] as Nullable<number>,
    lastError: row[18] as Nullable<string>,
    expiresAt: row[9] as number,
    finishedAt: row[10] as Nullable<number>,
    removeAt: row[11] as Nullable<number>,
  };
}

/** Start of the attempt under way, from a row of deliveryColumns; null: there is none. */
export function attemptStartOf(row: Row): number | null {
  return row[12] as Nullable<number>;
}

/** What is kept of a delivery beside its record and never changes. */
export const keptColumns = 'body, headers, secret';

/** Adds what a row of keptColumns holds; columns that follow them are ignored. */
export function storedDeliveryOf(delivery: Delivery, row: Row): StoredDelivery {
  return {
    delivery,
    body: row[0] as string,
    headers: membersOf(row[1] ?? null),
    secret: row[2] as Nullable<string>,
  };
}

/** The columns of an attempt that has ended, as deliveryAttemptReader() reads them. */
export const deliveryAttemptColumns = `
  number, trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason,
  timings, answer`;

/** The index of the first column that follows deliveryAttemptColumns in a SELECT. */
export const deliveryAttemptColumnCount = deliveryAttemptColumns.split(',').length;

/** Makes the record from a row of deliveryAttemptColumns; columns that follow them are ignored. */
export type DeliveryAttemptOf = (deliveryId: string, row: Row) => DeliveryAttempt;

/** Returns a store's mapping of attempts; its `textOf` reads the text of a receiver. */
export function deliveryAttemptReader(textOf: TextOf): DeliveryAttemptOf {
  return (deliveryId, row) => ({
    deliveryId,
    number: row[0] as number,
    trigger: row[1] as DeliveryTrigger,
    worker: row[2] as string,
    startedAt: row[3] as number,
    endedAt: row[4] as number,
    outcome: row[5] as DeliveryAttempt['outcome'],
    answer: parsed(row[11] ?? null) as Nullable<DeliveryAnswer>,
    error: row[6] as Nullable<string>,
    detail: textOf(row[7] ?? null),
    timings: parsed(row[10] ?? null) as Nullable<DeliveryTimings>,
    nextAt: row[8] as Nullable<number>,
    nextReason: row[9] as Nullable<string>,
  });
}
