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
import { numberArray, textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import type { MemoryWrite } from './group-commit.ts';
import { isWaiting } from './queue.ts';
import type { WorkingSet } from './working-set.ts';

/**
 * What may have happened to it in the transaction that creates it is that it was claimed or cancelled: those columns as
 * well. One that is claimed at accept is inserted as running and never enters the queue.
 */
export const createOperationsSql = `
INSERT INTO @operations
  (id, task, state, version, created_at, finished_at, expires_at, retention_ms, attempts_max, priority,
   ready_at, wait_until, deadline_at, give_up_at, cancel_requested_at, concurrency_key, tenant, retry_of,
   traceparent, labels, error_code, error, webhook, input, attempt, started_at, attempt_started_at,
   lease_expires_at, lease_token, lease_worker)
SELECT *
FROM unnest($1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::bigint[],
  $8::bigint[], $9::integer[], $10::integer[], $11::bigint[], $12::bigint[], $13::bigint[],
  $14::bigint[], $15::bigint[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
  $21::text[], $22::text[], $23::text[], $24::text[], $25::integer[], $26::bigint[], $27::bigint[],
  $28::bigint[], $29::text[], $30::text[])`;

export type Created = { readonly operation: Operation; readonly input: string };

export function postCreated(tx: Transaction, created: readonly Created[]): void {
  if (created.length === 0) return;
  const made = created.map(({ operation }) => operation);
  const values = [
    textArray(made.map(({ id }) => id)),
    textArray(made.map(({ task }) => task)),
    textArray(made.map(({ state }) => state)),
    numberArray(made.map(({ version }) => version)),
    numberArray(made.map(({ createdAt }) => createdAt)),
    numberArray(made.map(({ finishedAt }) => finishedAt)),
    numberArray(made.map(({ expiresAt }) => expiresAt)),
    numberArray(made.map(({ retentionMs }) => retentionMs)),
    numberArray(made.map(({ attemptsMax }) => attemptsMax)),
    numberArray(made.map(({ priority }) => priority)),
    numberArray(made.map(({ readyAt }) => readyAt)),
    numberArray(made.map(({ waitUntil }) => waitUntil)),
    numberArray(made.map(({ deadlineAt }) => deadlineAt)),
    numberArray(made.map((one) => (isWaiting(one) ? giveUpAt(one) : null))),
    numberArray(made.map(({ cancelRequestedAt }) => cancelRequestedAt)),
    textArray(made.map(({ concurrencyKey }) => concurrencyKey)),
    textArray(made.map(({ tenant }) => tenant)),
    textArray(made.map(({ retryOf }) => retryOf)),
    textArray(made.map(({ traceparent }) => traceparent)),
    textArray(made.map(({ labels }) => membersText(labels))),
    textArray(made.map(({ error }) => error && error.code)),
    textArray(made.map(({ error }) => jsonOrNull(error))),
    textArray(made.map(({ webhook }) => jsonOrNull(webhook))),
    textArray(created.map(({ input }) => input)),
    numberArray(made.map(({ attempt }) => attempt)),
    numberArray(made.map(({ startedAt }) => startedAt)),
    numberArray(made.map(({ attemptStartedAt }) => attemptStartedAt)),
    numberArray(made.map(({ lease }) => lease && lease.expiresAt)),
    textArray(made.map(({ lease }) => lease && lease.token)),
    textArray(made.map(({ lease }) => lease && lease.worker)),
  ];
  tx.post(createOperationsSql, values, created.length);
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

/** So many fewer than a cap are accepted without a look at the counters first. */
const pendingSlack = 1_000;

function isAsHoped(one: CreateOutcome, isClaimed: boolean): boolean {
  return one.outcome === 'created' && (one.operation.lease !== null || !isClaimed);
}

/** What the key says of a request that came before; null: nothing. */
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
 * The caps are those of the moment: what other nodes accept in the same milliseconds is not counted yet.
 * Differs from store-sqlite, which is exact: here each group of each node may go beyond by its own size.
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
 * By the counters, which are there anyway: what is scheduled or parked counts as waiting, so that with very many of them
 * nothing is claimed here. null: it waits for a claim.
 *
 * Measured against accept, claim and settle as three transactions: see src/store-postgres/README.md.
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
  // It is among them by now.
  if (waiting - 1 > p.spareSlots) return null;
  const { worker, leaseMs, tokenOf, now } = p;
  const decision = set.apply(id, { type: 'claimed', worker, leaseMs, token: tokenOf(id) }, now);
  return decision?.outcome === 'applied' ? decision.operation : null;
}

/** What was due for the caller is due, however far its clock is from the database's. */
export function dueAt(instant: number, callersNow: number, now: number): number {
  return instant <= callersNow ? Math.min(instant, now) : instant;
}
