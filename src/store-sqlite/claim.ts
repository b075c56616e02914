import { limits } from '../core/limits.ts';
import { claimedBefore, type Operation } from '../core/operation.ts';
import { decide } from '../core/transitions.ts';
import type { ClaimedOperation, ClaimOperations, ClaimOutcome, ClaimTask } from '../store/store.ts';
import type { Row, WriteConnection, WriteStatement } from './connection.ts';
import type { HeldLeases } from './held-leases.ts';
import type { Ledger, TaskEntry } from './ledger.ts';
import type { Operations } from './operations.ts';
import { ReadyAgain, Scan } from './ready-again.ts';
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
export const readySql = `
SELECT ${operationColumns}, input
FROM operations
WHERE state = 'ready'
  AND task = ?
ORDER BY priority DESC, ready_at, id
LIMIT ? + 0`;

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

export class Claim {
  readonly #ledger: Ledger;
  readonly #heldLeases: HeldLeases;
  readonly #readyAgain: ReadyAgain;
  readonly #ready: WriteStatement;
  readonly #park: WriteStatement;
  readonly #claim: WriteStatement;
  readonly #longInput: WriteStatement;

  constructor(
    writer: WriteConnection,
    ledger: Ledger,
    p: { readonly operations: Operations; readonly heldLeases: HeldLeases },
  ) {
    const { operations } = p;
    this.#ledger = ledger;
    this.#heldLeases = p.heldLeases;
    this.#readyAgain = new ReadyAgain(writer, ledger, operations);
    this.#ready = writer.prepare(readySql);
    this.#park = writer.prepare(parkSql);
    this.#claim = writer.prepare(claimSql);
    this.#longInput = writer.prepare(longInputSql);
  }

  run(p: ClaimOperations): ClaimOutcome {
    const scan = new Scan(limits.claimScanRows);
    const { lanes, nextDueAt } = this.#openLanes(p, scan);
    const claimed: ClaimedOperation[] = [];
    while (claimed.length < p.limit) {
      const missing = p.limit - claimed.length;
      const share = Math.max(laneRowsMin, Math.ceil(missing / Math.max(1, lanes.length)));
      const lane = this.#best(lanes, lanes.length === 1 ? missing : share, scan);
      const row = lane?.rows[lane.at];
      if (lane === null || row === undefined || lane.head === null) break;
      const operation = lane.head;
      lane.at += 1;
      lane.head = null;
      if (hasKeySlot(lane, operation.concurrencyKey)) {
        claimed.push(this.#claimRow(row, operation, p));
      } else {
        this.#parkRow(row, operation);
      }
    }
    const isCutShort = scan.rowsLeft === 0 && claimed.length < p.limit;
    return { claimed, nextDueAt: isCutShort ? p.now : nextDueAt };
  }

  /** The tasks that may have something to claim, and when a scheduled operation of any of them is due. */
  #openLanes(p: ClaimOperations, scan: Scan): { lanes: Lane[]; nextDueAt: number | null } {
    const lanes: Lane[] = [];
    let nextDueAt: number | null = null;
    for (const task of p.tasks) {
      const entry = this.#ledger.find(task.name);
      if (entry === undefined || entry.paused) continue;
      this.#readyAgain.makeDueReady(entry, p.now, scan);
      if (typeof entry.nextDueAt === 'number') {
        nextDueAt = Math.min(nextDueAt ?? Infinity, entry.nextDueAt);
      }
      if (slotsOf(entry, task) <= 0) continue;
      this.#readyAgain.unparkFree(entry, task.keyConcurrency, scan);
      if (entry.noneReady) continue;
      lanes.push({ entry, task, rows: [], at: 0, head: null, isExhausted: false });
    }
    return { lanes, nextDueAt };
  }

  #best(lanes: readonly Lane[], wanted: number, scan: Scan): Lane | null {
    let best: Lane | null = null;
    let bestHead: Operation | null = null;
    for (const lane of lanes) {
      const slots = slotsOf(lane.entry, lane.task);
      if (slots <= 0) continue;
      if (lane.at >= lane.rows.length) this.#refill(lane, Math.min(wanted, slots), scan);
      const row = lane.rows[lane.at];
      if (row === undefined) {
        if (lane.isExhausted) lane.entry.noneReady = true;
        continue;
      }
      lane.head ??= operationOf(row);
      if (bestHead === null || claimedBefore(lane.head, bestHead)) {
        best = lane;
        bestHead = lane.head;
      }
    }
    return best;
  }

  /** What was fetched before has left the index by now, claimed or parked: the same query goes on. */
  #refill(lane: Lane, wanted: number, scan: Scan): void {
    lane.at = 0;
    lane.rows = [];
    const count = Math.min(wanted, scan.rowsLeft);
    if (lane.isExhausted || count === 0) return;
    lane.rows = this.#ready.all(lane.entry.task, count);
    scan.look(lane.rows.length);
    if (lane.rows.length < count) lane.isExhausted = true;
  }

  #claimRow(row: Row, operation: Operation, p: ClaimOperations): ClaimedOperation {
    const { worker, leaseMs, now } = p;
    const token = p.newToken();
    const decision = decide(operation, { type: 'claimed', worker, leaseMs, token }, now);
    if (decision.outcome !== 'applied') throw new Error('A ready operation could not be claimed.');
    const after = decision.operation;
    const seq = seqOf(row);
    this.#claim.run(
      after.version,
      after.startedAt,
      after.attempt,
      after.attemptStartedAt,
      now + leaseMs,
      token,
      worker,
      seq,
    );
    const { id, task, concurrencyKey: key, tenant, webhook } = after;
    this.#ledger.moved({ task, key, from: 'ready', to: 'running' });
    const held = { id, seq, task, key, attemptStartedAt: now, tenant };
    this.#heldLeases.keep(token, { ...held, hasWebhook: webhook !== null });
    const input = row[operationColumnCount] ?? this.#longInput.first(seq)?.[0];
    return { operation: after, input: input as string };
  }

  #parkRow(row: Row, { task, concurrencyKey: key }: Operation): void {
    this.#park.run(seqOf(row));
    this.#ledger.moved({ task, key, from: 'ready', to: 'parked' });
  }
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

function slotsOf(entry: TaskEntry, task: ClaimTask): number {
  return task.concurrency === null ? Infinity : task.concurrency - entry.processing;
}

function hasKeySlot({ entry, task }: Lane, key: string | null): boolean {
  if (key === null || task.keyConcurrency === null) return true;
  return (entry.runningByKey.get(key) ?? 0) < task.keyConcurrency;
}
