import type { Operation } from '../core/operation.ts';
import { giveUpAt } from '../store/give-up.ts';
import { newOperation } from '../store/new-operation.ts';
import type {
  CreateOperations,
  CreateOutcome,
  IdempotencyKey,
  NewOperation,
} from '../store/store.ts';
import { jsonOrNull, membersText } from '../store/json-columns.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { WriteConnection } from './connection.ts';
import type { FreshOperations } from './fresh-operations.ts';
import { prepareIdempotencyKeys } from './idempotency.ts';
import type { Ledger } from './ledger.ts';
import type { Operations } from './operations.ts';

const createOperationSql = `
INSERT INTO operations
  (id, task, state, created_at, retention_ms, attempts_max, priority, ready_at, wait_until, deadline_at,
   give_up_at, concurrency_key, tenant, retry_of, traceparent, labels, input, webhook)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const createInputSql = `
INSERT INTO inputs (operation_seq, input)
VALUES (?, ?)`;

/**
 * Longer inputs are stored in a table of their own: claim and settle write their row again, and
 * with a 1 MiB input in it that would be 2 MiB of log for every operation.
 */
const inlineInputChars = 1_024;

export type Create = (p: CreateOperations) => CreateOutcome[];

export function prepareCreate(
  writer: WriteConnection,
  ledger: Ledger,
  p: { readonly operations: Operations; readonly fresh: FreshOperations },
): Create {
  const { operations, fresh } = p;
  const keys = prepareIdempotencyKeys(writer);
  const insert = writer.prepare(createOperationSql);
  const insertInput = writer.prepare(createInputSql);

  function store(operation: Operation, input: string): void {
    const isLong = input.length > inlineInputChars;
    const seq = insert.insert(
      operation.id,
      operation.task,
      operation.state,
      operation.createdAt,
      operation.retentionMs,
      operation.attemptsMax,
      operation.priority,
      operation.readyAt,
      operation.waitUntil,
      operation.deadlineAt,
      giveUpAt(operation),
      operation.concurrencyKey,
      operation.tenant,
      operation.retryOf,
      operation.traceparent,
      membersText(operation.labels),
      isLong ? null : input,
      jsonOrNull(operation.webhook),
    );
    if (isLong) insertInput.run(seq, input);
    else if (operation.state === 'ready') fresh.add({ seq, operation, input }, ledger.pending);
  }

  /** The outcome for a key that an earlier request used; null: none did. */
  function replay(key: IdempotencyKey, now: number): CreateOutcome | null {
    const used = keys.find(key, now);
    if (used === null) return null;
    if (used.fingerprint !== key.fingerprint) return { outcome: 'key_reused' };
    const row = operations.find(used.operationId);
    return row === undefined
      ? { outcome: 'replayed_gone', operationId: used.operationId }
      : { outcome: 'replayed', operation: operationOf(row) };
  }

  function create(p: NewOperation, pendingMax: number, now: number): CreateOutcome {
    const replayed = p.idempotency === null ? null : replay(p.idempotency, now);
    if (replayed !== null) return replayed;
    const taskPending = ledger.find(p.task)?.pending ?? 0;
    if (p.taskPendingMax !== null && taskPending >= p.taskPendingMax) {
      return { outcome: 'queue_full', pending: taskPending, pendingMax: p.taskPendingMax };
    }
    if (ledger.pending >= pendingMax) {
      return { outcome: 'queue_full', pending: ledger.pending, pendingMax };
    }
    const operation = newOperation(p, now);
    store(operation, p.input);
    if (p.idempotency !== null) keys.use(p.idempotency, p.id);
    const { task, concurrencyKey: key, state } = operation;
    const entry = ledger.moved({ task, key, from: null, to: state });
    if (state === 'scheduled') ledger.scheduled(entry, operation.readyAt, now);
    return { outcome: 'created', operation };
  }

  return ({ operations: wanted, pendingMax, now }) =>
    wanted.map((operation) => create(operation, pendingMax, now));
}
