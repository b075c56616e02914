import { limits } from '../core/limits.ts';
import { claimedBefore, type Operation } from '../core/operation.ts';
import { decide } from '../core/transitions.ts';
import type { ClaimedOperation, ClaimOperations, ClaimOutcome, ClaimTask } from '../store/store.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';
import type { Candidate, FreshOperations } from './fresh-operations.ts';
import type { HeldLeases } from './held-leases.ts';
import type { Ledger, TaskEntry } from './ledger.ts';
import type { Operations } from './operations.ts';
import { ReadyAgain, Scan } from './ready-again.ts';
import { operationRowColumnCount, operationRowColumns, operationSeqOf } from './rows.ts';

/**
 * Claiming goes task by task: the best ready rows of each task, read from an index that holds only
 * ready ones, are merged here by priority, readyAt, id. A row whose key has no free slot is parked,
 * so that no later claim looks at it again: each row is parked at most once for each slot that
 * frees, however long the queue is.
 *
 *   1. scheduled rows whose time has come become ready
 *   2. parked rows become ready where slots are free although nobody freed one: limits were raised, or
 *      the operation that was to take the slot never ran
 *   3. lanes, one for each task, are merged and their heads claimed or parked
 *
 * One claim looks at limits.claimScanRows rows at most; when they are used up, nextDueAt is `now`,
 * so that the caller asks again.
 */
export const readySql = `
SELECT ${operationRowColumns}, input
FROM operations
WHERE state = 'ready'
  AND task = ?
ORDER BY priority DESC, ready_at, id
LIMIT ? + 0`;

/** Finds the same rows from the index alone. */
export const freshSql = `
SELECT seq, id
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

/**
 * Rows of one task that are fetched at once when several tasks compete: most of a smaller batch is
 * used.
 */
const laneRowsMin = 8;

export class Claim {
  readonly #ledger: Ledger;
  readonly #fresh: FreshOperations;
  readonly #heldLeases: HeldLeases;
  readonly #readyAgain: ReadyAgain;
  readonly #ready: WriteStatement;
  readonly #readyFresh: WriteStatement;
  readonly #park: WriteStatement;
  readonly #claim: WriteStatement;
  readonly #longInput: WriteStatement;

  constructor(
    writer: WriteConnection,
    ledger: Ledger,
    p: {
      readonly operations: Operations;
      readonly fresh: FreshOperations;
      readonly heldLeases: HeldLeases;
    },
  ) {
    const { operations } = p;
    this.#ledger = ledger;
    this.#fresh = p.fresh;
    this.#heldLeases = p.heldLeases;
    this.#readyAgain = new ReadyAgain(writer, ledger, operations);
    this.#ready = writer.prepare(readySql);
    this.#readyFresh = writer.prepare(freshSql);
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
      const candidate = lane?.candidates[lane.at];
      if (lane === null || candidate === undefined) break;
      lane.at += 1;
      if (hasKeySlot(lane, candidate.operation.concurrencyKey)) {
        claimed.push(this.#claimOne(candidate, p));
      } else {
        this.#parkOne(candidate);
      }
    }
    const isCutShort = scan.rowsLeft === 0 && claimed.length < p.limit;
    return { claimed, nextDueAt: isCutShort ? p.now : nextDueAt };
  }

  /**
   * The tasks that may have something to claim, and when a scheduled operation of any of them is
   * due.
   */
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
      lanes.push({ entry, task, candidates: [], at: 0, isExhausted: false });
    }
    return { lanes, nextDueAt };
  }

  #best(lanes: readonly Lane[], wanted: number, scan: Scan): Lane | null {
    let best: Lane | null = null;
    let bestHead: Operation | null = null;
    for (const lane of lanes) {
      const slots = slotsOf(lane.entry, lane.task);
      if (slots <= 0) continue;
      if (lane.at >= lane.candidates.length) this.#refill(lane, Math.min(wanted, slots), scan);
      const head = lane.candidates[lane.at]?.operation;
      if (head === undefined) {
        if (lane.isExhausted) lane.entry.noneReady = true;
        continue;
      }
      if (bestHead === null || claimedBefore(head, bestHead)) {
        best = lane;
        bestHead = head;
      }
    }
    return best;
  }

  /**
   * Rows fetched before have left the index by now, claimed or parked, so the same query continues.
   */
  #refill(lane: Lane, wanted: number, scan: Scan): void {
    lane.at = 0;
    lane.candidates = [];
    const count = Math.min(wanted, scan.rowsLeft);
    if (lane.isExhausted || count === 0) return;
    lane.candidates = this.#freshOnes(lane.entry, count) ?? this.#read(lane.entry, count);
    scan.look(lane.candidates.length);
    if (lane.candidates.length < count) lane.isExhausted = true;
  }

  /**
   * The candidates as `fresh` has them; null: it does not have all of them. It cannot when more
   * operations are pending than it holds, so then the index is not asked.
   */
  #freshOnes({ task, pending }: TaskEntry, count: number): Candidate[] | null {
    if (pending > this.#fresh.size) return null;
    return this.#fresh.all(this.#readyFresh.all(task, count));
  }

  #read({ task }: TaskEntry, count: number): Candidate[] {
    return this.#ready.all(task, count).map((row) => ({
      seq: operationSeqOf(row),
      operation: operationOf(row),
      input: row[operationRowColumnCount] as string | null,
    }));
  }

  #claimOne(candidate: Candidate, p: ClaimOperations): ClaimedOperation {
    const { seq, operation } = candidate;
    const { worker, leaseMs, now } = p;
    const token = p.newToken();
    const decision = decide(operation, { type: 'claimed', worker, leaseMs, token }, now);
    if (decision.outcome !== 'applied') throw new Error('A ready operation could not be claimed.');
    const after = decision.operation;
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
    this.#fresh.forget(seq);
    const input = candidate.input ?? this.#longInput.first(seq)?.[0];
    return { operation: after, input: input as string };
  }

  #parkOne({ seq, operation: { task, concurrencyKey: key } }: Candidate): void {
    this.#park.run(seq);
    this.#ledger.moved({ task, key, from: 'ready', to: 'parked' });
  }
}

/** One task in the merge, with its best ready operations as fetched. */
type Lane = {
  readonly entry: TaskEntry;
  readonly task: ClaimTask;
  candidates: Candidate[];
  at: number;
  isExhausted: boolean;
};

function slotsOf(entry: TaskEntry, task: ClaimTask): number {
  return task.concurrency === null ? Infinity : task.concurrency - entry.processing;
}

function hasKeySlot({ entry, task }: Lane, key: string | null): boolean {
  if (key === null || task.keyConcurrency === null) return true;
  return (entry.runningByKey.get(key) ?? 0) < task.keyConcurrency;
}
