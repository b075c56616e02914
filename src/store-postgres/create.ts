import type { Operation } from '../core/operation.ts';
import { giveUpAt } from '../store/give-up.ts';
import { newOperation } from '../store/new-operation.ts';
import type {
  ClaimAtAccept,
  CreateOperations,
  CreateOutcome,
  IdempotencyKey,
  NewOperation,
} from '../store/store.ts';
import { jsonOrNull, membersText } from '../store/json-columns.ts';
import { arrayRowsSql, numberArray, textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import type { MemoryWrite } from './group-commit.ts';
import { isWaiting } from './queue.ts';
import type { WorkingSet } from './working-set.ts';

export type Created = { readonly operation: Operation; readonly input: string };

type Column = {
  /** Name and type. */
  readonly sql: string;
  readonly array: (created: readonly Created[]) => string;
  /** null: hardly any operation is without a value here. */
  readonly isNull: ((created: Created) => boolean) | null;
};

function text(sql: string, of: (one: Operation) => string | null): Column {
  return { ...columnOf(sql, of), array: (all) => textArray(all.map((one) => of(one.operation))) };
}

function number(sql: string, of: (one: Operation) => number | null): Column {
  return { ...columnOf(sql, of), array: (all) => numberArray(all.map((one) => of(one.operation))) };
}

function columnOf(sql: string, of: (one: Operation) => unknown): Pick<Column, 'sql' | 'isNull'> {
  return { sql, isNull: ({ operation }) => of(operation) === null };
}

/**
 * Columns of the INSERT. An operation can be claimed or cancelled in the very transaction that
 * creates it, so the INSERT has those columns too. One that is claimed at accept is inserted as
 * running and never enters the queue.
 */
const columns: readonly Column[] = [
  text('id text', ({ id }) => id),
  text('task text', ({ task }) => task),
  text('state text', ({ state }) => state),
  number('version integer', ({ version }) => version),
  number('created_at bigint', ({ createdAt }) => createdAt),
  number('retention_ms bigint', ({ retentionMs }) => retentionMs),
  number('attempts_max integer', ({ attemptsMax }) => attemptsMax),
  number('priority integer', ({ priority }) => priority),
  number('ready_at bigint', ({ readyAt }) => readyAt),
  text('tenant text', ({ tenant }) => tenant),
  { sql: 'input text', array: (all) => textArray(all.map(({ input }) => input)), isNull: null },
  number('attempt integer', ({ attempt }) => attempt),
  number('started_at bigint', ({ startedAt }) => startedAt),
  number('attempt_started_at bigint', ({ attemptStartedAt }) => attemptStartedAt),
  number('lease_expires_at bigint', ({ lease }) => lease && lease.expiresAt),
  text('lease_token text', ({ lease }) => lease && lease.token),
  text('lease_worker text', ({ lease }) => lease && lease.worker),
];

/** Most operations have none of these. */
const rareColumns: readonly Column[] = [
  number('finished_at bigint', ({ finishedAt }) => finishedAt),
  number('expires_at bigint', ({ expiresAt }) => expiresAt),
  number('wait_until bigint', ({ waitUntil }) => waitUntil),
  number('deadline_at bigint', ({ deadlineAt }) => deadlineAt),
  number('give_up_at bigint', (one) => (isWaiting(one) ? giveUpAt(one) : null)),
  number('cancel_requested_at bigint', ({ cancelRequestedAt }) => cancelRequestedAt),
  text('concurrency_key text', ({ concurrencyKey }) => concurrencyKey),
  text('retry_of text', ({ retryOf }) => retryOf),
  text('traceparent text', ({ traceparent }) => traceparent),
  text('labels text', ({ labels }) => membersText(labels)),
  text('error_code text', ({ error }) => error && error.code),
  text('error text', ({ error }) => jsonOrNull(error)),
  text('webhook text', ({ webhook }) => jsonOrNull(webhook)),
];

type Insert = { readonly sql: string; readonly columns: readonly Column[] };

function insertOf(all: readonly Column[]): Insert {
  const names = all.map(({ sql }) => sql.split(' ')[0]);
  const rows = arrayRowsSql(all.map(({ sql }) => sql).join(', '));
  return { columns: all, sql: `\nINSERT INTO @operations (${names.join(', ')})\n${rows}` };
}

const insertAny = insertOf([...columns, ...rareColumns]);
const insertUsual = insertOf(columns);

export function postCreated(tx: Transaction, created: readonly Created[]): void {
  if (created.length === 0) return;
  const isUsual = created.every((one) => rareColumns.every(({ isNull }) => isNull?.(one)));
  const insert = isUsual ? insertUsual : insertAny;
  const values = insert.columns.map(({ array }) => array(created));
  tx.post(insert.sql, values, created.length);
}

export function createWrite(p: CreateOperations): MemoryWrite<CreateOutcome[]> {
  return {
    callersNow: p.now,
    needs: ({ keys }) => {
      for (const { idempotency } of p.operations) if (idempotency !== null) keys.push(idempotency);
    },
    run: (set, now) => p.operations.map((operation) => create(set, operation, { ...p, at: now })),
    hasReady: 'queued',
    foresee: {
      slack: p.claim === undefined ? pendingSlack : Math.floor(p.claim.spareSlots / 2),
      holds: (outcomes) => outcomes.every((one) => isAsHoped(one, p.claim !== undefined)),
    },
    bytes: p.operations.reduce((sum, { input }) => sum + input.length, 0),
  };
}

/**
 * How far below a cap a create may be accepted without reading the counters first, in operations.
 */
const pendingSlack = 1_000;

function isAsHoped(one: CreateOutcome, isClaimed: boolean): boolean {
  return one.outcome === 'created' && (one.operation.lease !== null || !isClaimed);
}

/** The outcome for a key that an earlier request used; null: none did. */
function replay(set: WorkingSet, key: IdempotencyKey, now: number): CreateOutcome | null {
  const used = set.keys.find(key, now);
  if (used === null) return null;
  if (used.fingerprint !== key.fingerprint) return { outcome: 'key_reused' };
  const operation = set.find(used.operationId);
  return operation === undefined
    ? { outcome: 'replayed_gone', operationId: used.operationId }
    : { outcome: 'replayed', operation };
}

/**
 * The caps are those of the moment: what other nodes accept in the same milliseconds is not counted
 * yet. Differs from store-sqlite, which is exact: here each group of each node may exceed a cap by
 * its own size.
 */
function create(
  set: WorkingSet,
  p: NewOperation,
  { pendingMax, claim, now: callersNow, at }: CreateOperations & { readonly at: number },
): CreateOutcome {
  const { ledger, keys } = set;
  const replayed = p.idempotency === null ? null : replay(set, p.idempotency, at);
  if (replayed !== null) return replayed;
  const taskPending = ledger.find(p.task)?.pending ?? 0;
  if (p.taskPendingMax !== null && taskPending >= p.taskPendingMax) {
    return { outcome: 'queue_full', pending: taskPending, pendingMax: p.taskPendingMax };
  }
  if (ledger.pending >= pendingMax) {
    return { outcome: 'queue_full', pending: ledger.pending, pendingMax };
  }
  const readyAt = dueAt(p.readyAt, callersNow, at);
  const operation = newOperation({ ...p, labels: { ...p.labels }, readyAt }, at);
  set.create({ operation, input: p.input });
  if (p.idempotency !== null) keys.use(p.idempotency, p.id);
  const claimed = claim === undefined ? null : claimNew(set, operation, { ...claim, now: at });
  return { outcome: 'created', operation: claimed ?? operation };
}

/**
 * Claims a new operation for the node that accepts it, if the node has slots to spare; null: the
 * operation waits for a claim. Decided by the counters, which are loaded anyway. They count
 * scheduled and parked operations as waiting, so with very many of those nothing is claimed here.
 *
 * src/store-postgres/README.md compares this with accept, claim and settle as three transactions.
 */
function claimNew(
  set: WorkingSet,
  { id, task, state, concurrencyKey }: Operation,
  p: ClaimAtAccept & { readonly now: number },
): Operation | null {
  const { ledger } = set;
  if (state !== 'ready' || concurrencyKey !== null) return null;
  if (ledger.find(task)?.paused === true) return null;
  const waiting = p.tasks.reduce((sum, name) => {
    const entry = ledger.find(name);
    return sum + (entry === undefined || entry.paused ? 0 : entry.pending);
  }, 0);
  // By now the counters include this operation.
  if (waiting - 1 > p.spareSlots) return null;
  const { worker, leaseMs, tokenOf, now } = p;
  const decision = set.apply(id, { type: 'claimed', worker, leaseMs, token: tokenOf(id) }, now);
  return decision?.outcome === 'applied' ? decision.operation : null;
}

/**
 * An instant that was due by the caller's clock is due, however far that clock is from the
 * database's.
 */
export function dueAt(instant: number, callersNow: number, now: number): number {
  return instant <= callersNow ? Math.min(instant, now) : instant;
}
