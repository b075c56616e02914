import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import { decide } from '../core/transitions.ts';
import type { ClaimedOperation, ClaimOperations, ClaimOutcome, ClaimTask } from '../store/store.ts';
import type { Row, WriteConnection } from './connection.ts';
import type { Ledger, TaskEntry } from './ledger.ts';
import type { Operations } from './operations.ts';
import { operationColumnCount, operationColumns, operationOf, seqOf } from './rows.ts';

/**
 * Claiming goes task by task: the best ready rows of each, by an index that ends at the ready ones, are
 * merged here by priority, readyAt, id. A row whose key has no free slot is parked, so that no later
 * claim meets it again: each row is parked at most once for each slot that frees, whatever the queue.
 *
 *   1. scheduled rows whose time has come become ready
 *   2. parked rows become ready where slots are free although nobody freed one: limits were raised, or
 *      the one that was to take the slot never ran
 *   3. lanes, one a task, are merged and their heads claimed or parked
 *
 * All of it looks at limits.claimScanRows rows at most; then nextDueAt is `now`: ask again.
 */
export const dueSql = `
UPDATE operations
SET state = 'ready'
WHERE seq IN (
  SELECT seq
  FROM operations
  WHERE state = 'scheduled'
    AND task = ?
    AND ready_at <= ?
  ORDER BY ready_at
  LIMIT ?
)`;

export const tooFarSql = `
UPDATE operations
SET state = 'ready'
WHERE seq IN (
  SELECT seq
  FROM operations
  WHERE state = 'scheduled'
    AND task = ?
    AND ready_at > ?
  ORDER BY ready_at DESC
  LIMIT ?
)`;

export const nextDueSql = `
SELECT ready_at
FROM operations
WHERE state = 'scheduled'
  AND task = ?
ORDER BY ready_at
LIMIT 1`;

export const readySql = `
SELECT ${operationColumns}, input
FROM operations
WHERE state = 'ready'
  AND task = ?
ORDER BY priority DESC, ready_at, id
LIMIT ?`;

export const parkSql = `
UPDATE operations
SET state = 'parked'
WHERE seq = ?`;

export const claimSql = `
UPDATE operations
SET state = 'running',
    version = ?,
    started_at = ?,
    attempt = ?,
    attempt_started_at = ?,
    lease_expires_at = ?,
    lease_token = ?,
    lease_worker = ?,
    wait_until = NULL,
    give_up_at = NULL,
    progress = NULL
WHERE seq = ?
  AND state = 'ready'`;

const longInputSql = `
SELECT input
FROM inputs
WHERE operation_seq = ?`;

/** Rows of one task fetched ahead when several tasks compete: most of a smaller batch gets used. */
const laneRowsMin = 8;

export type Claim = (p: ClaimOperations) => ClaimOutcome;

export function prepareClaim(
  writer: WriteConnection,
  ledger: Ledger,
  operations: Operations,
): Claim {
  const due = writer.prepare(dueSql);
  const tooFar = writer.prepare(tooFarSql);
  const nextDue = writer.prepare(nextDueSql);
  const ready = writer.prepare(readySql);
  const park = writer.prepare(parkSql);
  const claimRow = writer.prepare(claimSql);
  const longInput = writer.prepare(longInputSql);

  function makeDueReady(entry: TaskEntry, now: number, scan: Scan): void {
    if (!entry.mayBeTooFar && entry.nextDueAt !== undefined) {
      if (entry.nextDueAt === null || entry.nextDueAt > now) return;
    }
    const farAt = now + limits.delayMsMax;
    for (const [statement, at] of [[due, now] as const, [tooFar, farAt] as const]) {
      const count = scan.rowsLeft === 0 ? 0 : statement.run(entry.task, at, scan.rowsLeft);
      scan.look(count);
      for (let i = 0; i < count; i += 1) {
        // Ready rows of any key: nothing but the numbers of scheduled and ready changes.
        ledger.moved({ task: entry.task, key: null, from: 'scheduled', to: 'ready' });
      }
    }
    entry.mayBeTooFar = scan.rowsLeft === 0;
    entry.nextDueAt = (nextDue.first(entry.task)?.[0] as number | undefined) ?? null;
  }

  function unparkFree(entry: TaskEntry, limit: number | null, scan: Scan): void {
    if (entry.parkedByKey.size === 0) {
      entry.keysToCheck.clear();
      entry.keyConcurrencyChecked = limit;
      return;
    }
    const checkAll = entry.keyConcurrencyChecked !== limit;
    for (const key of [...(checkAll ? entry.parkedByKey : entry.keysToCheck).keys()]) {
      const free = limit === null ? Infinity : limit - (entry.runningByKey.get(key) ?? 0);
      const count = Math.min(free, scan.rowsLeft);
      if (count > 0) scan.look(operations.unpark(entry, key, count));
      if (scan.rowsLeft === 0) return;
      entry.keysToCheck.delete(key);
    }
    entry.keyConcurrencyChecked = limit;
  }

  function refill(lane: Lane, wanted: number, scan: Scan): void {
    lane.at = 0;
    lane.rows = [];
    lane.head = null;
    const count = Math.min(wanted, slotsOf(lane.entry, lane.task), scan.rowsLeft);
    if (lane.isExhausted || count === 0) return;
    lane.rows = ready.all(lane.entry.task, count);
    scan.look(lane.rows.length);
    if (lane.rows.length < count) lane.isExhausted = true;
  }

  function claimHead(row: Row, operation: Operation, p: ClaimOperations): ClaimedOperation {
    const { worker, leaseMs, now } = p;
    const event = { type: 'claimed', worker, leaseMs, token: p.newToken() } as const;
    const decision = decide(operation, event, now);
    if (decision.outcome !== 'applied') throw new Error('A ready operation could not be claimed.');
    const { operation: after } = decision;
    const { lease } = after;
    claimRow.run(
      ...[after.version, after.startedAt, after.attempt, after.attemptStartedAt],
      ...[lease?.expiresAt ?? null, lease?.token ?? null, worker, seqOf(row)],
    );
    const { task, concurrencyKey: key } = after;
    ledger.moved({ task, key, from: 'ready', to: 'running' });
    const input = row[operationColumnCount] ?? longInput.first(seqOf(row))?.[0];
    return { operation: after, input: input as string };
  }

  function openLanes(p: ClaimOperations, scan: Scan): { lanes: Lane[]; nextDueAt: number | null } {
    const lanes: Lane[] = [];
    let nextDueAt: number | null = null;
    for (const task of p.tasks) {
      const entry = ledger.find(task.name);
      if (entry === undefined || entry.paused) continue;
      makeDueReady(entry, p.now, scan);
      if (typeof entry.nextDueAt === 'number') {
        nextDueAt = Math.min(nextDueAt ?? Infinity, entry.nextDueAt);
      }
      if (!hasSlot(entry, task)) continue;
      unparkFree(entry, task.keyConcurrency, scan);
      if (entry.noneReady) continue;
      lanes.push({ entry, task, rows: [], at: 0, head: null, isExhausted: false });
    }
    return { lanes, nextDueAt };
  }

  function best(lanes: readonly Lane[], wanted: number, scan: Scan): Lane | null {
    let found: Lane | null = null;
    for (const lane of lanes) {
      if (!hasSlot(lane.entry, lane.task)) continue;
      if (lane.at >= lane.rows.length) refill(lane, wanted, scan);
      const row = lane.rows[lane.at];
      if (row === undefined) {
        if (lane.isExhausted) lane.entry.noneReady = true;
        continue;
      }
      lane.head ??= operationOf(row);
      if (found?.head == null || claimedBefore(lane.head, found.head)) found = lane;
    }
    return found;
  }

  return (p) => {
    const scan = new Scan(limits.claimScanRows);
    const { lanes, nextDueAt } = openLanes(p, scan);
    const claimed: ClaimedOperation[] = [];
    while (claimed.length < p.limit) {
      const missing = p.limit - claimed.length;
      const share = Math.max(laneRowsMin, Math.ceil(missing / Math.max(1, lanes.length)));
      const lane = best(lanes, lanes.length === 1 ? missing : share, scan);
      const row = lane?.rows[lane.at];
      if (lane === null || row === undefined || lane.head === null) break;
      const operation = lane.head;
      lane.at += 1;
      lane.head = null;
      const { concurrencyKey: key, task } = operation;
      if (key !== null && !hasKeySlot(lane, key)) {
        park.run(seqOf(row));
        ledger.moved({ task, key, from: 'ready', to: 'parked' });
      } else {
        claimed.push(claimHead(row, operation, p));
      }
    }
    const stopped = scan.rowsLeft === 0 && claimed.length < p.limit;
    return { claimed, nextDueAt: stopped ? p.now : nextDueAt };
  };
}

/** One task in the merge. `rows` are its best ready ones, as fetched; `head` is rows[at] as a record. */
type Lane = {
  readonly entry: TaskEntry;
  readonly task: ClaimTask;
  rows: Row[];
  at: number;
  head: Operation | null;
  isExhausted: boolean;
};

/** The rows a claim may still look at. */
class Scan {
  rowsLeft: number;

  constructor(rows: number) {
    this.rowsLeft = rows;
  }

  look(rows: number): void {
    this.rowsLeft = Math.max(0, this.rowsLeft - rows);
  }
}

function slotsOf(entry: TaskEntry, task: ClaimTask): number {
  return task.concurrency === null ? Infinity : task.concurrency - entry.processing;
}

function hasSlot(entry: TaskEntry, task: ClaimTask): boolean {
  return slotsOf(entry, task) > 0;
}

function hasKeySlot({ entry, task }: Lane, key: string): boolean {
  if (task.keyConcurrency === null) return true;
  return (entry.runningByKey.get(key) ?? 0) < task.keyConcurrency;
}

/** The order of claims over all tasks: priority, then the longest ready, then id. */
function claimedBefore(a: Operation, b: Operation): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.readyAt !== b.readyAt) return a.readyAt < b.readyAt;
  return a.id < b.id;
}
