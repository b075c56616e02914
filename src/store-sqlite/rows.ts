import type { WebhookTarget } from '../core/delivery.ts';
import type {
  EndedAttempt,
  Operation,
  OperationError,
  OperationState,
  Progress,
  Result,
} from '../core/operation.ts';
import { jsonOrNull, membersOf, parsed } from '../store/json-columns.ts';
import type { Row, Value } from './connection.ts';

/**
 * Rows to records and back. Columns are read by position, so this list and operationOf() belong
 * together; the conformance suite compares whole records.
 */
export const operationColumns = `
  seq, id, task, state, version, created_at, started_at, finished_at, expires_at, retention_ms,
  attempt, attempts_max, recoveries, attempt_started_at, lease_expires_at, lease_token, lease_worker,
  priority, ready_at, wait_until, deadline_at, cancel_requested_at, concurrency_key, tenant, retry_of,
  traceparent, labels, progress, error, result_type, result_name, result_size, result_etag,
  result_inline, webhook`;

/** Where the columns that follow operationColumns in a SELECT begin. */
export const operationColumnCount = 35;

type Nullable<Kind> = Kind | null;

export function seqOf(row: Row): number {
  return row[0] as number;
}

export function operationOf(row: Row): Operation {
  const leaseToken = row[15] as Nullable<string>;
  return {
    id: row[1] as string,
    task: row[2] as string,
    tenant: row[23] as string,
    state: row[3] as OperationState,
    version: row[4] as number,
    createdAt: row[5] as number,
    startedAt: row[6] as Nullable<number>,
    finishedAt: row[7] as Nullable<number>,
    expiresAt: row[8] as Nullable<number>,
    retentionMs: row[9] as number,
    attempt: row[10] as number,
    attemptsMax: row[11] as number,
    recoveries: row[12] as number,
    attemptStartedAt: row[13] as Nullable<number>,
    lease:
      leaseToken === null
        ? null
        : { token: leaseToken, worker: row[16] as string, expiresAt: row[14] as number },
    priority: row[17] as number,
    readyAt: row[18] as number,
    waitUntil: row[19] as Nullable<number>,
    deadlineAt: row[20] as Nullable<number>,
    concurrencyKey: row[22] as Nullable<string>,
    progress: parsed(row[27] ?? null) as Nullable<Progress>,
    cancelRequestedAt: row[21] as Nullable<number>,
    error: parsed(row[28] ?? null) as Nullable<OperationError>,
    result: row[29] === null ? null : resultOf(row),
    labels: membersOf(row[26] ?? null),
    retryOf: row[24] as Nullable<string>,
    traceparent: row[25] as Nullable<string>,
    webhook: parsed(row[34] ?? null) as Nullable<WebhookTarget>,
  };
}

function resultOf(row: Row): Result {
  return {
    contentType: row[29] as string,
    name: row[30] as Nullable<string>,
    sizeBytes: row[31] as number,
    etag: row[32] as string,
    inline: row[33] as Nullable<string>,
  };
}

export const attemptColumns = 'number, worker, started_at, ended_at, outcome, retry_at, error';

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

export function attemptValues(attempt: EndedAttempt): Value[] {
  const { number, worker, startedAt, endedAt, outcome, retryAt } = attempt;
  return [number, worker, startedAt, endedAt, outcome, retryAt, jsonOrNull(attempt.error)];
}
