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
import type { Row, Value } from './connection.ts';

/** Rows to records and back, by position, as in store/operation-rows.ts. */
export const deliveryColumns = `
  seq, endpoint_seq, id, state, version, created_at, attempts, failures, failures_max, next_at,
  expires_at, finished_at, remove_at, attempt_started_at, lease_expires_at, lease_token, lease_worker,
  trigger, last_status, last_error, next_reason, tenant, event, operation_id, url,
  (SELECT endpoints.id FROM endpoints WHERE endpoints.seq = deliveries.endpoint_seq), last_attempt`;

type Nullable<Kind> = Kind | null;

/** A delivery and what its row holds beside it. */
export type DeliveryRow = {
  readonly seq: number;
  readonly endpointSeq: number;
  /** Start of the attempt under way; null: there is none. */
  readonly attemptStartedAt: number | null;
  /** The seq of the latest attempt that has ended; null: there is none. */
  readonly lastAttempt: number | null;
  readonly delivery: Delivery;
};

export function deliveryRowOf(row: Row): DeliveryRow {
  return {
    seq: row[0] as number,
    endpointSeq: row[1] as number,
    attemptStartedAt: row[13] as Nullable<number>,
    lastAttempt: row[26] as Nullable<number>,
    delivery: deliveryOf(row),
  };
}

export function deliveryOf(row: Row): Delivery {
  return {
    id: row[2] as string,
    tenant: row[21] as string,
    endpointId: row[25] as string,
    operationId: row[23] as Nullable<string>,
    event: row[22] as DeliveryEvent,
    url: row[24] as string,
    state: row[3] as DeliveryState,
    version: row[4] as number,
    createdAt: row[5] as number,
    attempts: row[6] as number,
    failures: row[7] as number,
    failuresMax: row[8] as number,
    nextAt: row[9] as Nullable<number>,
    nextReason: row[20] as Nullable<string>,
    trigger: row[17] as DeliveryTrigger,
    lease:
      row[15] === null
        ? null
        : {
            token: row[15] as string,
            worker: row[16] as string,
            expiresAt: row[14] as number,
          },
    lastStatus: row[18] as Nullable<number>,
    lastError: row[19] as Nullable<string>,
    expiresAt: row[10] as number,
    finishedAt: row[11] as Nullable<number>,
    removeAt: row[12] as Nullable<number>,
  };
}

/**
 * Columns of a pending delivery whose endpoint is known. The other columns cost a fifth of what
 * reading a delivery does.
 */
export const pendingColumns = `
  seq, id, version, created_at, attempts, failures, failures_max, next_at, expires_at, trigger,
  last_status, last_error, next_reason, tenant, event, operation_id, url, last_attempt`;

/** Positions in these columns of what is read without the whole record. */
export const pendingColumn = { id: 1, nextAt: 7, expiresAt: 8 } as const;

/** The index of the first column that follows pendingColumns in a SELECT. */
export const pendingColumnCount = 18;

export function pendingRowOf(
  row: Row,
  endpoint: { readonly seq: number; readonly id: string },
): DeliveryRow {
  const delivery: Delivery = {
    id: row[1] as string,
    tenant: row[13] as string,
    endpointId: endpoint.id,
    operationId: row[15] as Nullable<string>,
    event: row[14] as DeliveryEvent,
    url: row[16] as string,
    state: 'pending',
    version: row[2] as number,
    createdAt: row[3] as number,
    attempts: row[4] as number,
    failures: row[5] as number,
    failuresMax: row[6] as number,
    nextAt: row[7] as Nullable<number>,
    nextReason: row[12] as Nullable<string>,
    trigger: row[9] as DeliveryTrigger,
    lease: null,
    lastStatus: row[10] as Nullable<number>,
    lastError: row[11] as Nullable<string>,
    expiresAt: row[8] as number,
    finishedAt: null,
    removeAt: null,
  };
  return {
    seq: row[0] as number,
    endpointSeq: endpoint.seq,
    attemptStartedAt: null,
    lastAttempt: row[17] as Nullable<number>,
    delivery,
  };
}

/** From a row that has body, headers and secret of delivery_bodies from column `at` on. */
export function storedDeliveryOf(delivery: Delivery, row: Row, at = 0): StoredDelivery {
  return {
    delivery,
    body: row[at] as string,
    headers: membersOf(row[at + 1] ?? null),
    secret: row[at + 2] as Nullable<string>,
  };
}

export const deliveryAttemptColumns = `
  number, trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason, timings, answer,
  previous`;

/**
 * The seq of the attempt before this one of the same delivery, from a row of
 * deliveryAttemptColumns; null: it was the first.
 */
export function previousAttempt(row: Row): number | null {
  return row[12] as Nullable<number>;
}

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
    detail: row[7] as Nullable<string>,
    timings: parsed(row[10] ?? null) as Nullable<DeliveryTimings>,
    nextAt: row[8] as Nullable<number>,
    nextReason: row[9] as Nullable<string>,
  };
}

export function deliveryAttemptValues(attempt: DeliveryAttempt): Value[] {
  return [
    attempt.trigger,
    attempt.worker,
    attempt.startedAt,
    attempt.endedAt,
    attempt.outcome,
    attempt.error,
    attempt.detail,
    attempt.nextAt,
    attempt.nextReason,
    jsonOrNull(attempt.timings),
    jsonOrNull(attempt.answer),
  ];
}
