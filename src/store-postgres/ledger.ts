import { arrayRowsSql, booleanArray, numberArray, textArray } from './array-literal.ts';
import type { OperationState } from '../core/operation.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { TaskRecord } from '../store/store.ts';
import type { Row, Transaction } from './connection.ts';
import { unparkSql } from './operations.ts';
import { LostRace } from './postgres-error.ts';

/**
 * What one transaction does to the counters of tasks and to the slots of concurrency keys, gathered
 * and written once. Nothing is kept between transactions, because other nodes write too.
 *
 * Rows that many transactions want are locked last and in one order, so that transactions never
 * deadlock and no such row is locked for longer than a COMMIT takes: operations first, then slots
 * by (task, key), then tasks by name.
 */
export type TaskEntry = {
  readonly task: string;
  paused: boolean;
  pending: number;
  processing: number;
  completed: number;
  meanDurationMs: number | null;
  /** The task has no row yet. */
  isNew: boolean;
  readonly delta: {
    pending: number;
    processing: number;
    completed: number;
    failed: number;
    paused: boolean | null;
    meanDurationMs: number | null;
  } & { isChanged: boolean };
};

export type SlotEntry = {
  readonly task: string;
  readonly key: string;
  /** As a claim read it, plus what this transaction did; 0 while unknown. */
  running: number;
  readonly delta: { running: number; parked: number };
  /** How many slots this transaction freed: as many parked operations become ready. */
  freed: number;
  /** An operation failed without running that a free slot may have been meant for. */
  needsCheck: boolean;
  /** Whether all parked operations that could be made ready were. */
  isChecked: boolean;
};

/** One operation's step from state to state; `from` null: it is created. */
export type Move = {
  readonly task: string;
  readonly key: string | null;
  readonly from: OperationState | null;
  readonly to: OperationState;
};

/** Reads all tasks, because the cap on the queue is over all of them. */
export const selectTasksSql = `
SELECT task, paused, pending, processing, completed, mean_duration_ms
FROM @tasks`;

const insertTasksSql = `
WITH new_tasks AS (
  INSERT INTO @tasks (task)
  SELECT unnest($1::text[])
  ON CONFLICT (task) DO NOTHING
)
INSERT INTO @claim_locks (task)
SELECT unnest($1::text[])
ON CONFLICT (task) DO NOTHING`;

/** The mean is a hint: when two nodes complete at the same moment, the later one's value stays. */
export const updateTasksSql = `
UPDATE @tasks AS tasks
SET paused = coalesce(delta.paused, tasks.paused),
    pending = tasks.pending + delta.pending,
    processing = tasks.processing + delta.processing,
    completed = tasks.completed + delta.completed,
    failed = tasks.failed + delta.failed,
    mean_duration_ms = coalesce(delta.mean_duration_ms, tasks.mean_duration_ms)
FROM (
  ${arrayRowsSql(`task text, paused boolean, pending bigint, processing bigint, completed bigint, failed bigint,
    mean_duration_ms double precision`)}
) AS delta
WHERE tasks.task = delta.task`;

/** Inserts slots of keys that have none yet. Does not lock those that exist. */
export const insertSlotsSql = `
INSERT INTO @slots (task, key)
SELECT *
FROM unnest($1::text[], $2::text[]) AS wanted (task, key)
ORDER BY task, key
ON CONFLICT (task, key) DO NOTHING`;

/**
 * Locks the slots in the order given, and returns how many then run and are parked with each key.
 */
export const updateSlotsSql = `
UPDATE @slots AS slots
SET running = slots.running + delta.running,
    parked = slots.parked + delta.parked,
    needs_check = (slots.needs_check AND NOT delta.is_checked)
      OR (delta.needs_check AND slots.parked + delta.parked > 0)
FROM unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::boolean[], $6::boolean[])
  AS delta (task, key, running, parked, needs_check, is_checked)
WHERE slots.task = delta.task
  AND slots.key = delta.key
RETURNING slots.task, slots.key, slots.running, slots.parked`;

export const readTasksSql = `
SELECT tasks.task, paused, pending, processing, completed, failed, oldest.ready_at, mean_duration_ms
FROM @tasks AS tasks
LEFT JOIN LATERAL (
  SELECT ready_at
  FROM @queue AS queue
  WHERE queue.task || '' = tasks.task
    AND state IN ('ready', 'parked')
  ORDER BY ready_at
  LIMIT 1
) AS oldest ON TRUE`;

export class Ledger {
  readonly #tasks = new Map<string, TaskEntry>();
  readonly #slots = new Map<string, SlotEntry>();
  #pending = 0;

  /** Pending operations of all tasks, as read and as changed here since. */
  get pending(): number {
    return this.#pending;
  }

  /** Rows of selectTasksSql. */
  load(rows: readonly Row[]): void {
    for (const row of rows) {
      const entry = newEntry(row[0] as string, false);
      entry.paused = row[1] as boolean;
      entry.pending = row[2] as number;
      entry.processing = row[3] as number;
      entry.completed = row[4] as number;
      entry.meanDurationMs = row[5] as number | null;
      this.#pending += entry.pending;
      this.#tasks.set(entry.task, entry);
    }
  }

  /** Rows as load() takes them: what was read, plus what this transaction did. */
  rows(): Row[] {
    return [...this.#tasks.values()].map((entry) => [
      entry.task,
      entry.paused,
      entry.pending,
      entry.processing,
      entry.completed,
      entry.meanDurationMs,
    ]);
  }

  /** Notes that the task has a row. */
  know(task: string): void {
    if (!this.#tasks.has(task)) this.#tasks.set(task, newEntry(task, false));
  }

  find(task: string): TaskEntry | undefined {
    return this.#tasks.get(task);
  }

  /** The task's entry, created when missing; from now on the task has a row. */
  entry(task: string): TaskEntry {
    let entry = this.#tasks.get(task);
    if (entry === undefined) {
      entry = newEntry(task, true);
      this.#tasks.set(task, entry);
    }
    entry.delta.isChanged = true;
    return entry;
  }

  slot(task: string, key: string): SlotEntry {
    const name = `${task}\0${key}`;
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      const delta = { running: 0, parked: 0 };
      const flags = { freed: 0, needsCheck: false, isChecked: false };
      slot = { task, key, running: 0, delta, ...flags };
      this.#slots.set(name, slot);
    }
    return slot;
  }

  pause(task: string, paused: boolean): void {
    const entry = this.entry(task);
    entry.paused = paused;
    entry.delta.paused = paused;
  }

  moved(move: Move): TaskEntry {
    const entry = this.entry(move.task);
    if (move.from !== null) this.#leave(entry, move.from, move);
    this.#enter(entry, move.to, move);
    return entry;
  }

  /** Call it before moved() to `completed`: the mean is weighted by the completions before. */
  took(task: string, durationMs: number): void {
    const entry = this.entry(task);
    entry.meanDurationMs = meanDurationMs(entry.meanDurationMs, entry.completed, durationMs);
    entry.delta.meanDurationMs = entry.meanDurationMs;
  }

  #leave(entry: TaskEntry, from: OperationState, { task, key, to }: Move): void {
    switch (from) {
      case 'running':
        entry.processing -= 1;
        entry.delta.processing -= 1;
        if (key !== null) this.#count(task, key, { running: -1 }).freed += 1;
        return;
      case 'parked':
        if (key !== null) this.#count(task, key, { parked: -1 });
        break;
      case 'ready':
        // A slot may have been kept for this operation; then another one may have it.
        if (key !== null && to === 'failed') this.slot(task, key).needsCheck = true;
        break;
      case 'scheduled':
        break;
      case 'completed':
      case 'failed':
        return;
    }
    this.#countPending(entry, -1);
  }

  #enter(entry: TaskEntry, to: OperationState, { task, key }: Move): void {
    switch (to) {
      case 'running':
        entry.processing += 1;
        entry.delta.processing += 1;
        if (key !== null) this.#count(task, key, { running: 1 });
        return;
      case 'completed':
        entry.completed += 1;
        entry.delta.completed += 1;
        return;
      case 'failed':
        entry.delta.failed += 1;
        return;
      case 'parked':
        if (key !== null) this.#count(task, key, { parked: 1 });
        break;
      case 'ready':
      case 'scheduled':
    }
    this.#countPending(entry, 1);
  }

  /** Counts parked operations that became ready; they are pending as before. */
  unparked(task: string, key: string, count: number): void {
    this.#count(task, key, { parked: -count });
  }

  #countPending(entry: TaskEntry, by: number): void {
    entry.pending += by;
    entry.delta.pending += by;
    this.#pending += by;
  }

  #count(task: string, key: string, by: { running?: number; parked?: number }): SlotEntry {
    const slot = this.slot(task, key);
    const { running = 0, parked = 0 } = by;
    slot.running += running;
    slot.delta.running += running;
    slot.delta.parked += parked;
    return slot;
  }

  /**
   * Writes everything; its last statements are sent, not answered, when this resolves, so that
   * COMMIT follows them. `limitOf` is passed by a claim. A claim may have parked operations while a
   * slot was being freed, which it could not see; they are made ready again here, where the slot's
   * row is locked. Returns whether parked operations were made ready.
   */
  async flush(tx: Transaction, limitOf?: KeyLimit): Promise<boolean> {
    const unparks = await this.#flushSlots(tx, limitOf);
    this.#postTasks(tx);
    return unparks;
  }

  #postTasks(tx: Transaction): void {
    const changed = [...this.#tasks.values()].filter(({ delta }) => delta.isChanged);
    if (changed.length === 0) return;
    changed.sort((a, b) => (a.task < b.task ? -1 : 1));
    const added = changed.filter(({ isNew }) => isNew).map(({ task }) => task);
    if (added.length > 0) tx.post(insertTasksSql, [textArray(added)]);
    const deltas = changed.map(({ delta }) => delta);
    tx.post(updateTasksSql, [
      textArray(changed.map(({ task }) => task)),
      booleanArray(deltas.map(({ paused }) => paused)),
      numberArray(deltas.map(({ pending }) => pending)),
      numberArray(deltas.map(({ processing }) => processing)),
      numberArray(deltas.map(({ completed }) => completed)),
      numberArray(deltas.map(({ failed }) => failed)),
      numberArray(deltas.map(({ meanDurationMs }) => meanDurationMs)),
    ]);
  }

  async #flushSlots(tx: Transaction, limitOf: KeyLimit | undefined): Promise<boolean> {
    const changed = [...this.#slots.values()].filter(isChanged);
    if (changed.length === 0) return false;
    changed.sort(bySlot);
    const names = [
      textArray(changed.map(({ task }) => task)),
      textArray(changed.map(({ key }) => key)),
    ] as const;
    if (limitOf !== undefined) tx.post(insertSlotsSql, names);
    const rows = await tx.all(
      updateSlotsSql,
      ...names,
      numberArray(changed.map(({ delta }) => delta.running)),
      numberArray(changed.map(({ delta }) => delta.parked)),
      booleanArray(changed.map(({ needsCheck }) => needsCheck)),
      booleanArray(changed.map(({ isChecked }) => isChecked)),
    );
    // A prune removed an unused slot in between.
    if (limitOf !== undefined && rows.length < changed.length) throw new LostRace('slots');
    const wanted: Unpark[] = [];
    for (const row of rows) {
      const [task, key, running, parked] = row as [string, string, number, number];
      const free =
        limitOf === undefined ? this.slot(task, key).freed : (limitOf(task) ?? Infinity) - running;
      const count = Math.min(parked, free);
      if (count > 0) wanted.push({ task, key, count });
    }
    if (wanted.length === 0) return false;
    tx.post(unparkSql, unparkValues(wanted.sort(bySlot)));
    return true;
  }
}

/** How many attempts with one key may run at once; null: any number. */
type KeyLimit = (task: string) => number | null;

type Unpark = { readonly task: string; readonly key: string; readonly count: number };

export function unparkValues(wanted: readonly Unpark[]): string[] {
  return [
    textArray(wanted.map(({ task }) => task)),
    textArray(wanted.map(({ key }) => key)),
    numberArray(wanted.map(({ count }) => count)),
  ];
}

export function taskRecordOf(row: Row): TaskRecord {
  return {
    task: row[0] as string,
    paused: row[1] as boolean,
    pending: row[2] as number,
    processing: row[3] as number,
    completed: row[4] as number,
    failed: row[5] as number,
    oldestPendingAt: row[6] as number | null,
    meanDurationMs: row[7] as number | null,
  };
}

function isChanged({ delta, needsCheck, isChecked, freed }: SlotEntry): boolean {
  return delta.running !== 0 || delta.parked !== 0 || needsCheck || isChecked || freed > 0;
}

/** By code point, as the database sorts; what matters is that all nodes do the same. */
export function bySlot(
  a: { readonly task: string; readonly key: string },
  b: { readonly task: string; readonly key: string },
): number {
  if (a.task !== b.task) return a.task < b.task ? -1 : 1;
  if (a.key === b.key) return 0;
  return a.key < b.key ? -1 : 1;
}

function newEntry(task: string, isNew: boolean): TaskEntry {
  return {
    task,
    paused: false,
    pending: 0,
    processing: 0,
    completed: 0,
    meanDurationMs: null,
    isNew,
    delta: {
      pending: 0,
      processing: 0,
      completed: 0,
      failed: 0,
      paused: null,
      meanDurationMs: null,
      isChanged: false,
    },
  };
}
