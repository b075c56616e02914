import { limits } from '../core/limits.ts';
import { claimedBefore, type Operation } from '../core/operation.ts';
import { decide } from '../core/transitions.ts';
import type { ClaimedOperation, ClaimOperations, ClaimOutcome, ClaimTask } from '../store/store.ts';
import { operationColumnCount, operationColumns, operationOf } from '../store/operation-rows.ts';
import { arrayRowsSql, numberArray, textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import { Ledger, type SlotEntry } from './ledger.ts';
import { selectInputSql } from './operations.ts';
import { makeDueReady, Scan, storedLimit, unparkFree } from './ready-again.ts';

/**
 * Claiming goes task by task: the best ready rows of each task, read from an index that holds only
 * ready ones, are merged here by priority, readyAt, id. A row whose key has no free slot is parked,
 * so that no later claim looks at it again: each row is parked at most once for each slot that
 * frees, however long the queue is.
 *
 *   1. claim_locks of limited tasks are locked: over all nodes, one claims such a task at a time
 *   2. scheduled rows whose time has come become ready
 *   3. parked rows become ready where slots are free although nobody freed one
 *   4. candidates are locked; those that another node holds are skipped (SKIP LOCKED). Candidates of
 *      tasks without limits are asked for together with 1 and 2, which rarely affect them
 *   5. lanes, one for each task, are merged and their heads claimed or parked
 *   6. counters of slots and tasks are written, in one order everywhere
 *
 * The lock of step 1 is held until COMMIT, and what it protects is counted after it was taken (READ
 * COMMITTED: a statement sees what was committed before it began). Meanwhile others may free slots,
 * which goes unseen, but cannot take any. So the limits are exact. Rows of slots are not locked
 * before step 6: a claim wants them bit by bit, while settles lock them in order, and the two met
 * in deadlocks of a second each. Operations that were parked although a slot was being freed are
 * found in step 6. One claim looks at limits.claimScanRows rows; when they are used up, nextDueAt
 * is `now`, so that the caller asks again.
 */
export const lockClaimsSql = `
SELECT task
FROM @claim_locks
WHERE task = ANY($1::text[])
ORDER BY task
FOR UPDATE`;

export const lanesSql = `
SELECT tasks.task, tasks.pending, tasks.processing, locks.key_concurrency_checked,
  (SELECT ready_at
    FROM @queue
    WHERE state = 'scheduled' AND task = wanted.task
    ORDER BY ready_at
    LIMIT 1),
  (SELECT ready_at
    FROM @queue
    WHERE state = 'scheduled' AND task = wanted.task
    ORDER BY ready_at DESC
    LIMIT 1),
  EXISTS (SELECT FROM @slots AS slots WHERE needs_check AND slots.task = wanted.task)
FROM unnest($1::text[]) AS wanted (task)
JOIN @tasks AS tasks ON tasks.task = wanted.task
JOIN @claim_locks AS locks ON locks.task = wanted.task
WHERE NOT tasks.paused
  AND tasks.pending > 0`;

/** Qualified, because the queue has columns of the same names. */
const operationsColumns = operationColumns.replaceAll(/\w+/g, 'operations.$&');

/**
 * Bytes up to which an input is read with its row. Longer inputs are read one by one: many of a
 * mebibyte in one answer could take longer than an answer may.
 */
const inputBytesTogether = 65_536;

export const readySql = `
SELECT ready.*
FROM unnest($1::text[], $2::integer[]) AS lane (task, count)
JOIN @tasks AS tasks ON tasks.task = lane.task AND NOT tasks.paused
CROSS JOIN LATERAL (
  SELECT ${operationsColumns},
    CASE WHEN octet_length(operations.input) <= ${inputBytesTogether} THEN operations.input END
  FROM @queue AS queue
  JOIN @operations AS operations ON operations.id = queue.id
  WHERE queue.state = 'ready'
    AND queue.task = lane.task
  ORDER BY queue.priority DESC, queue.ready_at, queue.id
  LIMIT lane.count
  FOR UPDATE OF queue, operations SKIP LOCKED
) AS ready`;

/** A key without a row has nothing running. */
export const readSlotsSql = `
SELECT slots.task, slots.key, running
FROM unnest($1::text[], $2::text[]) AS wanted (task, key)
JOIN @slots AS slots ON slots.task = wanted.task AND slots.key = wanted.key`;

export const parkSql = `
WITH queued AS (
  UPDATE @queue
  SET state = 'parked'
  WHERE id = ANY($1::text[])
)
UPDATE @operations
SET state = 'parked'
WHERE id = ANY($1::text[])`;

export const claimSql = `
WITH unqueued AS (
  DELETE FROM @queue
  WHERE id = ANY($1::text[])
)
UPDATE @operations AS operations
SET state = 'running',
    version = claimed.version,
    started_at = coalesce(operations.started_at, $5),
    attempt = claimed.attempt,
    attempt_started_at = $5,
    lease_expires_at = $6,
    lease_token = claimed.token,
    lease_worker = $7,
    wait_until = NULL,
    give_up_at = NULL,
    progress = NULL
FROM (
  ${arrayRowsSql('id text, version integer, attempt integer, token text')}
) AS claimed
WHERE operations.id = claimed.id
  AND operations.state = 'ready'
  AND operations.version = claimed.version - 1
  AND operations.lease_token IS NULL`;

/**
 * One task in the merge. `rows` are its best ready rows, locked; `head` is rows[at] as a record.
 */
type Lane = {
  readonly task: ClaimTask;
  processing: number;
  rows: Row[];
  at: number;
  head: Operation | null;
  isExhausted: boolean;
};

type Lanes = {
  readonly lanes: Lane[];
  readonly nextDueAt: number | null;
};

/** Rows that are fetched at once for a task after some of its rows were parked. */
const refillRows = 200;

export type Claimed = ClaimOutcome & {
  /** Some rows were locked here but not claimed: other nodes skipped them meanwhile. */
  readonly left: boolean;
};

export async function claim(tx: Transaction, p: ClaimOperations): Promise<Claimed> {
  const limited = p.tasks.filter(isLimited);
  const unlimited = p.tasks.filter((task) => !isLimited(task));
  const [locked, found, early] = await tx.together(() =>
    Promise.all([
      limited.length === 0 ? [] : tx.all(lockClaimsSql, textArray(limited.map(({ name }) => name))),
      tx.all(lanesSql, textArray(p.tasks.map(({ name }) => name))),
      readReady(
        tx,
        unlimited.map((task) => ({ task, count: earlyCount(p) })),
      ),
    ]),
  );
  const now = await tx.now(p.now);
  if (found.length === 0) return { claimed: [], nextDueAt: null, left: early.length > 0 };
  const lockedTasks = new Set(locked.map((row) => row[0] as string));
  return new Claim(tx, p, now).run({ found, lockedTasks, early });
}

function earlyCount({ limit }: ClaimOperations): number {
  return Math.min(limit, limits.claimScanRows);
}

function isLimited({ concurrency, keyConcurrency }: ClaimTask): boolean {
  return concurrency !== null || keyConcurrency !== null;
}

async function readReady(
  tx: Transaction,
  wanted: readonly { readonly task: ClaimTask; readonly count: number }[],
): Promise<readonly Row[]> {
  if (wanted.length === 0) return [];
  const names = wanted.map(({ task }) => task.name);
  return tx.all(readySql, textArray(names), numberArray(wanted.map(({ count }) => count)));
}

type Opening = {
  /** Rows of lanesSql. */
  readonly found: readonly Row[];
  /** Limited tasks whose claims are ours alone until the COMMIT. */
  readonly lockedTasks: ReadonlySet<string>;
  /** The best ready rows of tasks without limits, as many as may be claimed. */
  readonly early: readonly Row[];
};

/** One claim under way. */
class Claim {
  readonly #tx: Transaction;
  readonly #p: ClaimOperations;
  readonly #now: number;
  readonly #ledger = new Ledger();
  readonly #scan = new Scan(limits.claimScanRows);
  readonly #claimed: { readonly operation: Operation; readonly input: string | null }[] = [];
  #claims: Operation[] = [];
  #parks: Operation[] = [];
  readonly #slotsRead = new Set<string>();

  constructor(tx: Transaction, p: ClaimOperations, now: number) {
    this.#tx = tx;
    this.#p = p;
    this.#now = now;
  }

  async run(opening: Opening): Promise<Claimed> {
    const { lanes, nextDueAt } = await this.#openLanes(opening);
    while (await this.#refill(lanes)) {
      await this.#readSlots(lanes);
      this.#merge(lanes);
      this.#postChanges();
    }
    const isCutShort = this.#scan.rowsLeft === 0 && this.#claimed.length < this.#p.limit;
    const claimed = await this.#withInputs();
    const unparks = await this.#ledger.flush(
      this.#tx,
      (name) => this.#p.tasks.find((task) => task.name === name)?.keyConcurrency ?? null,
    );
    return {
      claimed,
      // In the caller's time, from which the database's may differ.
      nextDueAt:
        isCutShort || unparks
          ? this.#p.now
          : nextDueAt && Math.max(this.#p.now, nextDueAt - this.#now + this.#p.now),
      left:
        lanes.some((lane) => lane.at < lane.rows.length) ||
        // A task's first operation was accepted between the two statements.
        opening.early.some((row) => !lanes.some((lane) => lane.task.name === row[1])),
    };
  }

  /** The tasks that may have something to claim, and when a scheduled operation of any of them is due. */
  async #openLanes({ found, lockedTasks, early }: Opening): Promise<Lanes> {
    const lanes: Lane[] = [];
    let nextDueAt: number | null = null;
    const now = this.#now;
    for (const row of found) {
      const [name, , processing, checked, first, last, needsCheck] = row as LaneRow;
      const task = this.#p.tasks.find((one) => one.name === name);
      if (task === undefined) continue;
      this.#ledger.know(name);
      let dueAt = first;
      let isSettled = true;
      if (first !== null && last !== null && (first <= now || last > now + limits.delayMsMax)) {
        dueAt = await makeDueReady(this.#tx, name, { now, scan: this.#scan });
        isSettled = false;
      }
      if (dueAt !== null) nextDueAt = Math.min(nextDueAt ?? Infinity, dueAt);
      const { concurrency, keyConcurrency } = task;
      if (concurrency !== null && processing >= concurrency) continue;
      // The task's first operation was accepted between the two statements.
      if (isLimited(task) && !lockedTasks.has(name)) {
        nextDueAt = now;
        continue;
      }
      const isNewLimit = checked !== storedLimit(keyConcurrency);
      if (isNewLimit || needsCheck) {
        const parts = { ledger: this.#ledger, scan: this.#scan, isNewLimit };
        await unparkFree(this.#tx, task, parts);
        isSettled = false;
      }
      const lane: Lane = { task, processing, rows: [], at: 0, head: null, isExhausted: false };
      // Otherwise other rows may have become ready that come before the early ones.
      if (isSettled && !isLimited(task)) this.#fill(lane, early, earlyCount(this.#p));
      lanes.push(lane);
    }
    return { lanes, nextDueAt };
  }

  /**
   * Fetches rows for lanes that have used up theirs but may have more. Returns whether there is
   * something to merge.
   */
  async #refill(lanes: readonly Lane[]): Promise<boolean> {
    const missing = this.#p.limit - this.#claimed.length;
    if (missing === 0) return false;
    const open = lanes.filter((lane) => lane.at >= lane.rows.length && !lane.isExhausted);
    const wanted = open
      .map((lane) => ({ lane, count: this.#rowsFor(lane, missing) }))
      .filter(({ count }) => count > 0);
    if (wanted.length > 0) {
      const rows = await readReady(
        this.#tx,
        wanted.map(({ lane, count }) => ({ task: lane.task, count })),
      );
      for (const { lane, count } of wanted) this.#fill(lane, rows, count);
    }
    return lanes.some((lane) => lane.at < lane.rows.length && slotsOf(lane) > 0);
  }

  /**
   * `rows` holds at most `count` rows of the lane, the number asked for, and perhaps rows of
   * others.
   */
  #fill(lane: Lane, rows: readonly Row[], count: number): void {
    lane.rows = rows.filter((row) => row[1] === lane.task.name);
    lane.at = 0;
    lane.head = null;
    lane.isExhausted = lane.rows.length < count;
    this.#scan.look(lane.rows.length);
  }

  #rowsFor(lane: Lane, missing: number): number {
    const wanted = Math.min(missing, slotsOf(lane));
    // Where some rows were parked, many more often follow.
    const again = lane.rows.length > 0 && wanted > 0 ? Math.max(wanted, refillRows) : wanted;
    return Math.min(again, this.#scan.rowsLeft);
  }

  /** Reads how many operations run with each key of the fetched rows. */
  async #readSlots(lanes: readonly Lane[]): Promise<void> {
    const wanted = new Map<string, SlotEntry>();
    for (const lane of lanes) {
      if (lane.task.keyConcurrency === null) continue;
      for (const row of lane.rows.slice(lane.at)) {
        const { task, concurrencyKey: key } = operationOf(row);
        const name = `${task}\0${key}`;
        if (key === null || this.#slotsRead.has(name)) continue;
        this.#slotsRead.add(name);
        wanted.set(name, this.#ledger.slot(task, key));
      }
    }
    if (wanted.size === 0) return;
    const slots = [...wanted.values()];
    const rows = await this.#tx.all(
      readSlotsSql,
      textArray(slots.map(({ task }) => task)),
      textArray(slots.map(({ key }) => key)),
    );
    for (const row of rows) {
      const [task, key, running] = row as [string, string, number];
      this.#ledger.slot(task, key).running = running;
    }
  }

  /** Merges until the limit is reached, or until a lane that may have more runs out. */
  #merge(lanes: readonly Lane[]): void {
    while (this.#claimed.length < this.#p.limit) {
      let best: { readonly lane: Lane; readonly head: Operation } | null = null;
      for (const lane of lanes) {
        if (slotsOf(lane) <= 0) continue;
        const row = lane.rows[lane.at];
        if (row === undefined) {
          if (lane.isExhausted || this.#scan.rowsLeft === 0) continue;
          return;
        }
        const head = (lane.head ??= operationOf(row));
        if (best === null || claimedBefore(head, best.head)) best = { lane, head };
      }
      if (best === null) return;
      this.#take(best.lane, best.head);
    }
  }

  #take(lane: Lane, operation: Operation): void {
    const row = lane.rows[lane.at];
    lane.at += 1;
    lane.head = null;
    const { task, concurrencyKey: key } = operation;
    if (!this.#hasKeySlot(lane, key)) {
      this.#parks.push(operation);
      this.#ledger.moved({ task, key, from: 'ready', to: 'parked' });
      return;
    }
    const { worker, leaseMs, newToken } = this.#p;
    const event = { type: 'claimed', worker, leaseMs, token: newToken() } as const;
    const decision = decide(operation, event, this.#now);
    if (decision.outcome !== 'applied') throw new Error('A ready operation could not be claimed.');
    lane.processing += 1;
    this.#claims.push(decision.operation);
    this.#claimed.push({
      operation: decision.operation,
      input: row?.[operationColumnCount] as string | null,
    });
    this.#ledger.moved({ task, key, from: 'ready', to: 'running' });
  }

  async #withInputs(): Promise<ClaimedOperation[]> {
    const claimed: ClaimedOperation[] = [];
    for (const { operation, input } of this.#claimed) {
      const [row] = input === null ? await this.#tx.all(selectInputSql, operation.id) : [[input]];
      claimed.push({ operation, input: row?.[0] as string });
    }
    return claimed;
  }

  #hasKeySlot({ task }: Lane, key: string | null): boolean {
    if (key === null || task.keyConcurrency === null) return true;
    return this.#ledger.slot(task.name, key).running < task.keyConcurrency;
  }

  #postChanges(): void {
    const claims = this.#claims;
    if (claims.length > 0) {
      const values = [
        textArray(claims.map(({ id }) => id)),
        numberArray(claims.map(({ version }) => version)),
        numberArray(claims.map(({ attempt }) => attempt)),
        textArray(claims.map(({ lease }) => lease && lease.token)),
        this.#now,
        this.#now + this.#p.leaseMs,
        this.#p.worker,
      ];
      this.#tx.post(claimSql, values, claims.length);
    }
    const parks = this.#parks;
    if (parks.length > 0) {
      this.#tx.post(parkSql, [textArray(parks.map(({ id }) => id))], parks.length);
    }
    this.#claims = [];
    this.#parks = [];
  }
}

type LaneRow = [
  task: string,
  pending: number,
  processing: number,
  keyConcurrencyChecked: number,
  firstReadyAt: number | null,
  lastReadyAt: number | null,
  needsCheck: boolean,
];

function slotsOf({ task, processing }: Lane): number {
  return task.concurrency === null ? Infinity : task.concurrency - processing;
}
