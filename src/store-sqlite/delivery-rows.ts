import type {
  Delivery,
  DeliveryAttempt,
  DeliveryEvent,
  DeliveryTrigger,
} from '../core/delivery.ts';
import {
  attemptStartOf,
  deliveryAttemptColumnCount,
  deliveryAttemptColumns,
  deliveryAttemptReader,
  deliveryColumnCount,
  deliveryColumns,
  deliveryOf,
} from '../store/delivery-rows.ts';
import { jsonOrNull, membersOf } from '../store/json-columns.ts';
import type { Row, Value } from './connection.ts';

const endpointIdSql =
  '(SELECT endpoints.id FROM endpoints WHERE endpoints.seq = deliveries.endpoint_seq)';

/** The columns of a delivery, and those that only this store has. */
export const deliveryRowColumns = `${deliveryColumns.replace('endpoint_id', endpointIdSql)},
  seq, endpoint_seq, last_attempt`;

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

/** From a row of deliveryRowColumns. */
export function deliveryRowOf(row: Row): DeliveryRow {
  return {
    seq: deliverySeqOf(row),
    endpointSeq: row[deliveryColumnCount + 1] as number,
    attemptStartedAt: attemptStartOf(row),
    lastAttempt: row[deliveryColumnCount + 2] as Nullable<number>,
    delivery: deliveryOf(row),
  };
}

/** From a row of deliveryRowColumns. */
export function deliverySeqOf(row: Row): number {
  return row[deliveryColumnCount] as number;
}

/**
 * Columns of a pending delivery whose endpoint is known. They have a mapping of their own beside
 * deliveryOf(), because the other columns cost a fifth of what reading a delivery does.
 */
export const pendingColumns = `
  seq, id, version, created_at, attempts, failures, failures_max, next_at, expires_at, trigger,
  last_status, last_error, next_reason, tenant, event, operation_id, url, last_attempt`;

const pendingColumnCount = pendingColumns.split(',').length;

/** A delivery that waits, with what an attempt needs of it. */
export type WaitingDelivery = {
  readonly row: DeliveryRow;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly secret: Nullable<string>;
};

/** From a row of pendingColumns, then keptColumns. Throws when there is no body. */
export function waitingDeliveryOf(
  row: Row,
  endpoint: { readonly seq: number; readonly id: string },
): WaitingDelivery {
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
  const [body, headers = null, secret] = row.slice(pendingColumnCount);
  if (typeof body !== 'string') throw new Error(`${delivery.id} has no body.`);
  return {
    row: {
      seq: row[0] as number,
      endpointSeq: endpoint.seq,
      attemptStartedAt: null,
      lastAttempt: row[17] as Nullable<number>,
      delivery,
    },
    body,
    headers: membersOf(headers),
    secret: secret as Nullable<string>,
  };
}

/** The columns of an attempt that has ended, and the seq of the one before it. */
export const deliveryAttemptRowColumns = `${deliveryAttemptColumns}, previous`;

/** From a row of deliveryAttemptColumns; columns that follow them are ignored. */
export const deliveryAttemptOf = deliveryAttemptReader((stored) => stored as Nullable<string>);

/**
 * The seq of the attempt before this one of the same delivery, from a row of
 * deliveryAttemptRowColumns; null: it was the first.
 */
export function previousAttempt(row: Row): number | null {
  return row[deliveryAttemptColumnCount] as Nullable<number>;
}

/** The values to bind, in the order of deliveryAttemptColumns without the number. */
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
