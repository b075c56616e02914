import type { WebhookTarget } from '../core/delivery.ts';
import type {
  EndedAttempt,
  Operation,
  OperationError,
  OperationState,
  Progress,
  Result,
} from '../core/operation.ts';
import { membersOf, parsed } from './json-columns.ts';

/**
 * The columns of an operation in the stores that keep tables. Rows are read by position:
 * operationOf() reads the row of a SELECT of these columns, in this order. The names are those of
 * both schemas; the conformance suite compares whole records.
 */
export const operationColumns = `
  id, task, state, version, created_at, started_at, finished_at, expires_at, retention_ms,
  attempt, attempts_max, recoveries, attempt_started_at, lease_expires_at, lease_token, lease_worker,
  priority, ready_at, wait_until, deadline_at, cancel_requested_at, concurrency_key, tenant, retry_of,
  traceparent, labels, progress, error, result_type, result_name, result_size, result_etag,
  result_inline, webhook`;

/** The index of the first column that follows operationColumns in a SELECT. */
export const operationColumnCount = operationColumns.split(',').length;

/** A row as an array of its column values. */
type Row = readonly unknown[];
type Nullable<Kind> = Kind | null;

/** Makes the record from a row of operationColumns; columns that follow them are ignored. */
export function operationOf(row: Row): Operation {
  const leaseToken = row[14] as Nullable<string>;
  return {
    id: row[0] as string,
    task: row[1] as string,
    tenant: row[22] as string,
    state: row[2] as OperationState,
    version: row[3] as number,
    createdAt: row[4] as number,
    startedAt: row[5] as Nullable<number>,
    finishedAt: row[6] as Nullable<number>,
    expiresAt: row[7] as Nullable<number>,
    retentionMs: row[8] as number,
    attempt: row[9] as number,
    attemptsMax: row[10] as number,
    recoveries: row[11] as number,
    attemptStartedAt: row[12] as Nullable<number>,
    lease:
      leaseToken === null
        ? null
        : { token: leaseToken, worker: row[15] as string, expiresAt: row[13] as number },
    priority: row[16] as number,
    readyAt: row[17] as number,
    waitUntil: row[18] as Nullable<number>,
    deadlineAt: row[19] as Nullable<number>,
    concurrencyKey: row[21] as Nullable<string>,
    progress: parsed(row[26] ?? null) as Nullable<Progress>,
    cancelRequestedAt: row[20] as Nullable<number>,
    error: parsed(row[27] ?? null) as Nullable<OperationError>,
    result: row[28] === null ? null : resultOf(row),
    labels: membersOf(row[25] ?? null),
    retryOf: row[23] as Nullable<string>,
    traceparent: row[24] as Nullable<string>,
    webhook: parsed(row[33] ?? null) as Nullable<WebhookTarget>,
  };
}

function resultOf(row: Row): Result {
  return {
    contentType: row[28] as string,
    name: row[29] as Nullable<string>,
    sizeBytes: row[30] as number,
    etag: row[31] as string,
    inline: row[32] as Nullable<string>,
  };
}

/** The columns of an attempt that has ended, as attemptOf() reads them. */
export const attemptColumns = 'number, worker, started_at, ended_at, outcome, retry_at, error';

/** Makes the record from a row of attemptColumns. */
export function attemptOf(operationId: string, row: Row): EndedAttempt {
  return {
    operationId,
    number: row[0] as number,
    worker: row[1] as string,
    startedAt: row[2] as number,
    endedAt: row[3] as number,
    outcome: row[4] as EndedAttempt['outcome'],
    error: parsed(row[6] ?? null) as Nullable<OperationError>,
    retryAt: row[5] as Nullable<number>,
  };
}
