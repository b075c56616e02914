import { giveUpAt } from '../store/give-up.ts';
import { isFinal, type EndedAttempt, type Operation } from '../core/operation.ts';
import { jsonOrNull } from '../store/json-columns.ts';
import { operationColumns, operationOf } from '../store/operation-rows.ts';
import { arrayRowsSql, numberArray, textArray } from './array-literal.ts';
import type { Queries, Transaction } from './connection.ts';
import { ReadBatch } from './read-batch.ts';

/**
 * The statements that read and change operations, each for a batch. Every change goes through
 * working-set.ts: it reads and locks the rows, asks decide() in core, and writes the decision. The
 * WHERE of these statements repeats the fence, although the rows are locked: version and lease
 * token must be what was read.
 */
export const selectOperationsSql = `
SELECT ${operationColumns}
FROM @operations
WHERE id = ANY($1::text[])`;

/** Locks in one order everywhere, so that transactions never deadlock. */
export const lockOperationsSql = `
SELECT ${operationColumns}
FROM @operations
WHERE id = ANY($1::text[])
ORDER BY id
FOR UPDATE`;

export const updateOperationsSql = `
UPDATE @operations AS operations
SET state = changed.state,
    version = changed.version,
    finished_at = changed.finished_at,
    expires_at = changed.expires_at,
    attempt = changed.attempt,
    recoveries = changed.recoveries,
    attempt_started_at = changed.attempt_started_at,
    lease_expires_at = changed.lease_expires_at,
    lease_token = changed.lease_token,
    lease_worker = changed.lease_worker,
    ready_at = changed.ready_at,
    give_up_at = changed.give_up_at,
    cancel_requested_at = changed.cancel_requested_at,
    progress = changed.progress,
    error_code = changed.error_code,
    error = changed.error
FROM (
  ${arrayRowsSql(`id text, version_before integer, token_before text, state text, version integer,
    finished_at bigint, expires_at bigint, attempt integer, recoveries integer, attempt_started_at bigint,
    lease_expires_at bigint, lease_token text, lease_worker text, ready_at bigint, give_up_at bigint,
    cancel_requested_at bigint, progress text, error_code text, error text`)}
) AS changed
WHERE operations.id = changed.id
  AND operations.version = changed.version_before
  AND operations.lease_token IS NOT DISTINCT FROM changed.token_before`;

const insertAttemptsSql = `
INSERT INTO @attempts
  (operation_id, number, worker, started_at, ended_at, outcome, retry_at, error)
SELECT *
FROM unnest($1::text[], $2::integer[], $3::text[], $4::bigint[], $5::bigint[], $6::text[],
  $7::bigint[], $8::text[])`;

/**
 * Makes the best parked operations ready, one for every freed slot. Rows that another transaction
 * holds at this moment are skipped; then the next claim looks at the key again.
 */
const unparkRows = `
WITH freed AS (
  SELECT *
  FROM unnest($1::text[], $2::text[], $3::integer[]) AS freed (task, key, count)
), best AS (
  SELECT best.*
  FROM freed
  CROSS JOIN LATERAL (
    SELECT queue.id
    FROM @queue AS queue
    JOIN @operations AS operations ON operations.id = queue.id
    WHERE queue.state = 'parked'
      AND queue.task = freed.task
      AND queue.concurrency_key = freed.key
    ORDER BY queue.priority DESC, queue.ready_at, queue.id
    LIMIT freed.count
    FOR UPDATE OF queue, operations SKIP LOCKED
  ) AS best
), queued AS (
  UPDATE @queue AS queue
  SET state = 'ready'
  FROM best
  WHERE queue.id = best.id
), unparked AS (
  UPDATE @operations AS operations
  SET state = 'ready'
  FROM best
  WHERE operations.id = best.id
  RETURNING operations.task, operations.concurrency_key
), counted AS (
  SELECT freed.task, freed.key, freed.count AS wanted, count(unparked.task) AS count
  FROM freed
  LEFT JOIN unparked ON unparked.task = freed.task AND unparked.concurrency_key = freed.key
  GROUP BY freed.task, freed.key, freed.count
)`;

export const unparkSql = `${unparkRows}
UPDATE @slots AS slots
SET parked = slots.parked - counted.count,
    needs_check = counted.count < counted.wanted
FROM counted
WHERE slots.task = counted.task
  AND slots.key = counted.key
RETURNING counted.count`;

/** Leaves out the count in `slots`, which a claim writes at its end. */
export const unparkRowsSql = `${unparkRows}
SELECT task, key, count
FROM counted`;

export type Changed = { readonly before: Operation; readonly after: Operation };

export function postUpdates(tx: Transaction, changed: readonly Changed[]): void {
  if (changed.length === 0) return;
  const after = changed.map((change) => change.after);
  const values = [
    textArray(after.map(({ id }) => id)),
    numberArray(changed.map(({ before }) => before.version)),
    textArray(changed.map(({ before }) => before.lease && before.lease.token)),
    textArray(after.map(({ state }) => state)),
    numberArray(after.map(({ version }) => version)),
    numberArray(after.map(({ finishedAt }) => finishedAt)),
    numberArray(after.map(({ expiresAt }) => expiresAt)),
    numberArray(after.map(({ attempt }) => attempt)),
    numberArray(after.map(({ recoveries }) => recoveries)),
    numberArray(after.map(({ attemptStartedAt }) => attemptStartedAt)),
    numberArray(after.map(({ lease }) => lease && lease.expiresAt)),
    textArray(after.map(({ lease }) => lease && lease.token)),
    textArray(after.map(({ lease }) => lease && lease.worker)),
    numberArray(after.map(({ readyAt }) => readyAt)),
    numberArray(after.map((operation) => (waits(operation) ? giveUpAt(operation) : null))),
    numberArray(after.map(({ cancelRequestedAt }) => cancelRequestedAt)),
    textArray(after.map(({ progress }) => jsonOrNull(progress))),
    textArray(after.map(({ error }) => error && error.code)),
    textArray(after.map(({ error }) => jsonOrNull(error))),
  ];
  tx.post(updateOperationsSql, values, changed.length);
}

function waits({ state }: Operation): boolean {
  return state !== 'running' && !isFinal(state);
}

export function postAttempts(tx: Transaction, ended: readonly EndedAttempt[]): void {
  if (ended.length === 0) return;
  tx.post(insertAttemptsSql, [
    textArray(ended.map(({ operationId }) => operationId)),
    numberArray(ended.map(({ number }) => number)),
    textArray(ended.map(({ worker }) => worker)),
    numberArray(ended.map(({ startedAt }) => startedAt)),
    numberArray(ended.map(({ endedAt }) => endedAt)),
    textArray(ended.map(({ outcome }) => outcome)),
    numberArray(ended.map(({ retryAt }) => retryAt)),
    textArray(ended.map(({ error }) => jsonOrNull(error))),
  ]);
}

export const selectInputSql = `
SELECT input
FROM @operations
WHERE id = $1`;

export type OperationReads = {
  readonly operation: (id: string) => Promise<Operation | null>;
  readonly input: (id: string) => Promise<string | null>;
};

/**
 * All status reads of one turn are batched: a thousand long-polls that end at once take five
 * queries.
 */
export function operationReads(database: Queries): OperationReads {
  const batch = new ReadBatch(async (ids) => {
    const rows = await database.find(selectOperationsSql, textArray(ids));
    return new Map(rows.map((row) => [row[0] as string, operationOf(row)]));
  });
  return {
    operation: (id) => batch.read(id),
    input: async (id) => {
      const [row] = await database.find(selectInputSql, id);
      return (row?.[0] as string | undefined) ?? null;
    },
  };
}
