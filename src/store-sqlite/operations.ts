import { giveUpAt } from '../store/give-up.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import { decide, type OperationEvent } from '../core/transitions.ts';
import { jsonOrNull } from '../store/json-columns.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';
import type { Ledger, TaskEntry } from './ledger.ts';
import { attemptValues, operationRowColumns, operationSeqOf } from './rows.ts';
import type { Row } from './connection.ts';

/**
 * How every operation changes: read the row, ask decide() in core, write its decision. The hot
 * steps have statements of their own (claim.ts, settle.ts, leases.ts), whose WHERE is the rule.
 */
export const selectOperationSql = `
SELECT ${operationRowColumns}
FROM operations
WHERE id = ?`;

const updateOperationSql = `
UPDATE operations
SET state = ?,
    version = ?,
    finished_at = ?,
    expires_at = ?,
    attempt = ?,
    recoveries = ?,
    attempt_started_at = ?,
    lease_expires_at = ?,
    lease_token = ?,
    lease_worker = ?,
    ready_at = ?,
    give_up_at = ?,
    cancel_requested_at = ?,
    progress = ?,
    error_code = ?,
    error = ?
WHERE seq = ?`;

const insertAttemptSql = `
INSERT INTO attempts
  (number, worker, started_at, ended_at, outcome, retry_at, error, operation_seq)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;

export const unparkSql = `
UPDATE operations
SET state = 'ready'
WHERE seq IN (
  SELECT seq
  FROM operations
  WHERE state = 'parked'
    AND task = ?
    AND concurrency_key = ?
  ORDER BY priority DESC, ready_at, id
  LIMIT ? + 0
)`;

export type Change = {
  /** The current record, changed or not. */
  readonly operation: Operation;
  readonly outcome: 'applied' | 'lost' | 'unchanged';
};

export type Operations = {
  readonly find: (id: string) => Row | undefined;
  /** Applies `event` to the operation of this row, writes and counts the change. */
  readonly apply: (row: Row, event: OperationEvent, now: number) => Change;
  /**
   * Makes at most `limit` of the best operations parked under `key` ready; returns how many there
   * were.
   */
  readonly unpark: (entry: TaskEntry, key: string, limit: number) => number;
  /** A slot of `key` is free: its best parked operation may run. */
  readonly slotFreed: (entry: TaskEntry, key: string | null) => void;
};

export function prepareOperations(writer: WriteConnection, ledger: Ledger): Operations {
  const select = writer.prepare(selectOperationSql);
  const update = writer.prepare(updateOperationSql);
  const insertAttempt = writer.prepare(insertAttemptSql);
  const unparkBest = writer.prepare(unparkSql);

  function save(seq: number, after: Operation): void {
    const waits = after.state !== 'running' && !isFinal(after.state);
    const { lease, error } = after;
    update.run(
      after.state,
      after.version,
      after.finishedAt,
      after.expiresAt,
      after.attempt,
      after.recoveries,
      after.attemptStartedAt,
      lease && lease.expiresAt,
      lease && lease.token,
      lease && lease.worker,
      after.readyAt,
      waits ? giveUpAt(after) : null,
      after.cancelRequestedAt,
      jsonOrNull(after.progress),
      error && error.code,
      jsonOrNull(error),
      seq,
    );
  }

  function unpark(entry: TaskEntry, key: string, limit: number): number {
    if (!entry.parkedByKey.has(key)) return 0;
    const count = unparkBest.runCounted(entry.task, key, limit);
    for (let i = 0; i < count; i += 1) {
      ledger.moved({ task: entry.task, key, from: 'parked', to: 'ready' });
    }
    return count;
  }

  function slotFreed(entry: TaskEntry, key: string | null): void {
    if (key !== null) unpark(entry, key, 1);
  }

  function count(before: Operation, after: Operation, now: number): void {
    if (before.state === after.state) return;
    const { task, concurrencyKey: key } = after;
    const entry = ledger.moved({ task, key, from: before.state, to: after.state });
    if (after.state === 'scheduled') ledger.scheduled(entry, after.readyAt, now);
    if (before.state === 'running') slotFreed(entry, key);
  }

  return {
    find: (id) => select.first(id),
    apply: (row, event, now) => {
      const before = operationOf(row);
      const decision = decide(before, event, now);
      if (decision.outcome !== 'applied') return { operation: before, outcome: decision.outcome };
      const seq = operationSeqOf(row);
      save(seq, decision.operation);
      if (decision.ended !== null) insertAttempt.run(...attemptValues(decision.ended), seq);
      count(before, decision.operation, now);
      return { operation: decision.operation, outcome: 'applied' };
    },
    unpark,
    slotFreed,
  };
}

export type OperationReads = {
  readonly operation: (id: string) => Operation | null;
  readonly input: (id: string) => string | null;
};

const selectInputSql = `
SELECT coalesce(input, (SELECT inputs.input FROM inputs WHERE operation_seq = operations.seq))
FROM operations
WHERE id = ?`;

export function prepareOperationReads(reader: ReadConnection): OperationReads {
  const select = reader.prepare(selectOperationSql);
  const selectInput = reader.prepare(selectInputSql);
  return {
    operation: (id) => {
      const row = select.first(id);
      return row === undefined ? null : operationOf(row);
    },
    input: (id) => (selectInput.first(id)?.[0] as string | undefined) ?? null,
  };
}
