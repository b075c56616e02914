import { limits } from '../core/limits.ts';
import type { OperationState } from '../core/operation.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { TaskRecord } from '../store/store.ts';
import type {
  ReadConnection,
  ReadStatement,
  WriteConnection,
  WriteStatement,
} from './connection.ts';

/**
 * What is known of every task without asking the database: its counters, the attempts per
 * concurrency key, and hints that save a claim its look into empty indexes. Only this process
 * writes to the file (file-lock.ts), so memory and file agree after every commit: counters are
 * written back once per commit and task, and after a rollback everything is read again. Reading
 * costs O(tasks + running + parked).
 *
 * The rows are authoritative: counts of running and parked operations are taken from them at start.
 */
export type TaskEntry = {
  readonly task: string;
  paused: boolean;
  pending: number;
  processing: number;
  completed: number;
  failed: number;
  meanDurationMs: number | null;
  /** Running attempts by concurrency key; no entry: none. */
  readonly runningByKey: Map<string, number>;
  readonly parkedByKey: Map<string, number>;
  /** Keys whose parked operations may have free slots although no attempt with the key ended. */
  readonly keysToCheck: Set<string>;
  /** The limit at which all keys were checked last; undefined: not yet. */
  keyConcurrencyChecked: number | null | undefined;
  /** Whether certainly no row of this task is ready. */
  noneReady: boolean;
  /** Earliest readyAt of a scheduled operation, null: none, undefined: ask the index. */
  nextDueAt: number | null | undefined;
  /**
   * Whether an operation may be scheduled further ahead than any legal delay; it counts as due
   * (isPast).
   */
  mayBeTooFar: boolean;
  isNew: boolean;
  isChanged: boolean;
};

/** One operation's step from state to state; `from` null: it is created. */
export type Move = {
  readonly task: string;
  readonly key: string | null;
  readonly from: OperationState | null;
  readonly to: OperationState;
};

const selectTasksSql = `
SELECT task, paused, pending, processing, completed, failed, mean_duration_ms
FROM tasks`;

const countRunningSql = `
SELECT task, concurrency_key, count(*)
FROM operations
WHERE lease_expires_at IS NOT NULL
  AND concurrency_key IS NOT NULL
GROUP BY task, concurrency_key`;

const countParkedSql = `
SELECT task, concurrency_key, count(*)
FROM operations
WHERE state = 'parked'
GROUP BY task, concurrency_key`;

const insertTaskSql = `
INSERT INTO tasks (paused, pending, processing, completed, failed, mean_duration_ms, task)
VALUES (?, ?, ?, ?, ?, ?, ?)`;

const updateTaskSql = `
UPDATE tasks
SET paused = ?,
    pending = ?,
    processing = ?,
    completed = ?,
    failed = ?,
    mean_duration_ms = ?
WHERE task = ?`;

/**
 * The operation that has been ready longest, by one look for each priority in use (201 at most): an
 * index by age would be one more tree to write for every accept and every claim.
 */
export const oldestPendingSql = `
WITH RECURSIVE heads (priority, ready_at) AS (
  SELECT *
  FROM (
    SELECT priority, ready_at
    FROM operations
    WHERE state = 'ready'
      AND task = ?1
    ORDER BY priority DESC, ready_at
    LIMIT 1
  )
  UNION ALL
  SELECT lower.priority, lower.ready_at
  FROM heads
  JOIN operations AS lower
    ON lower.seq = (
      SELECT seq
      FROM operations
      WHERE state = 'ready'
        AND task = ?1
        AND priority < heads.priority
      ORDER BY priority DESC, ready_at
      LIMIT 1
    )
)
SELECT min(ready_at)
FROM (
  SELECT ready_at
  FROM heads
  UNION ALL
  SELECT *
  FROM (
    SELECT ready_at
    FROM operations
    WHERE state = 'parked'
      AND task = ?1
    ORDER BY ready_at
    LIMIT 1
  )
)`;

export class Ledger {
  readonly #writer: WriteConnection;
  readonly #selectTasks: WriteStatement;
  readonly #countRunning: WriteStatement;
  readonly #countParked: WriteStatement;
  readonly #oldestPending: ReadStatement;
  readonly #insertTask: WriteStatement;
  readonly #updateTask: WriteStatement;
  readonly #entries = new Map<string, TaskEntry>();
  #changed: TaskEntry[] = [];
  #pending = 0;

  constructor(writer: WriteConnection, reader: ReadConnection) {
    this.#writer = writer;
    this.#selectTasks = writer.prepare(selectTasksSql);
    this.#countRunning = writer.prepare(countRunningSql);
    this.#countParked = writer.prepare(countParkedSql);
    this.#oldestPending = reader.prepare(oldestPendingSql);
    this.#insertTask = writer.prepare(insertTaskSql);
    this.#updateTask = writer.prepare(updateTaskSql);
    this.reload();
  }

  /** Pending operations of all tasks. */
  get pending(): number {
    return this.#pending;
  }

  /** Operations of all tasks that are not final. */
  get unfinished(): number {
    let count = this.#pending;
    for (const entry of this.#entries.values()) count += entry.processing;
    return count;
  }

  find(task: string): TaskEntry | undefined {
    return this.#entries.get(task);
  }

  /** The task's entry, created when missing; from now on the task has a row. */
  entry(task: string): TaskEntry {
    let entry = this.#entries.get(task);
    if (entry === undefined) {
      entry = newEntry(task);
      entry.noneReady = true;
      entry.nextDueAt = null;
      entry.mayBeTooFar = false;
      entry.isNew = true;
      this.#entries.set(task, entry);
      this.change(entry);
    }
    return entry;
  }

  /** Marks `entry` to be written with this commit. */
  change(entry: TaskEntry): void {
    if (entry.isChanged) return;
    entry.isChanged = true;
    this.#changed.push(entry);
  }

  moved(move: Move): TaskEntry {
    const entry = this.entry(move.task);
    this.change(entry);
    if (move.from !== null) this.#leave(entry, move.from, move);
    this.#enter(entry, move.to, move.key);
    return entry;
  }

  scheduled(entry: TaskEntry, readyAt: number, now: number): void {
    if (readyAt > now + limits.delayMsMax) entry.mayBeTooFar = true;
    if (entry.nextDueAt === undefined) return;
    entry.nextDueAt = entry.nextDueAt === null ? readyAt : Math.min(entry.nextDueAt, readyAt);
  }

  /** Call it before moved() to `completed`: the mean is weighted by the completions before. */
  took(entry: TaskEntry, durationMs: number): void {
    entry.meanDurationMs = meanDurationMs(entry.meanDurationMs, entry.completed, durationMs);
  }

  #leave(entry: TaskEntry, from: OperationState, { key, to }: Move): void {
    switch (from) {
      case 'scheduled':
        entry.nextDueAt = undefined;
        break;
      case 'running':
        entry.processing -= 1;
        if (key !== null) add(entry.runningByKey, key, -1);
        return;
      case 'parked':
        if (key !== null) add(entry.parkedByKey, key, -1);
        break;
      case 'ready':
        // A slot may have been kept for this operation; then another one may have it.
        if (key !== null && to === 'failed' && entry.parkedByKey.has(key)) {
          entry.keysToCheck.add(key);
        }
        break;
      case 'completed':
      case 'failed':
        return;
    }
    entry.pending -= 1;
    this.#pending -= 1;
  }

  #enter(entry: TaskEntry, to: OperationState, key: string | null): void {
    switch (to) {
      case 'running':
        entry.processing += 1;
        if (key !== null) add(entry.runningByKey, key, 1);
        return;
      case 'completed':
        entry.completed += 1;
        return;
      case 'failed':
        entry.failed += 1;
        return;
      case 'parked':
        if (key !== null) add(entry.parkedByKey, key, 1);
        break;
      case 'ready':
        entry.noneReady = false;
        break;
      case 'scheduled':
    }
    entry.pending += 1;
    this.#pending += 1;
  }

  /** Writes the counters of all tasks that this transaction has touched. */
  flush(): void {
    for (const entry of this.#changed) {
      const statement = entry.isNew ? this.#insertTask : this.#updateTask;
      statement.run(
        entry.paused ? 1 : 0,
        entry.pending,
        entry.processing,
        entry.completed,
        entry.failed,
        entry.meanDurationMs,
        entry.task,
      );
    }
  }

  /** What flush() wrote is committed. */
  committed(): void {
    for (const entry of this.#changed) {
      entry.isChanged = false;
      entry.isNew = false;
    }
    this.#changed = [];
  }

  /**
   * Reads everything anew, through the writer. The reader may be held at what is on the disk while
   * a part of a round is committed and still on its way there. When this throws, everything is as
   * it was.
   */
  reload(): void {
    this.#writer.beginRead();
    try {
      this.#readAll();
    } finally {
      this.#writer.rollback();
    }
  }

  #readAll(): void {
    const tasks = this.#selectTasks.all();
    const running = this.#countRunning.all();
    const parked = this.#countParked.all();
    this.#entries.clear();
    this.#changed = [];
    this.#pending = 0;
    for (const row of tasks) {
      const entry = newEntry(row[0] as string);
      entry.paused = row[1] === 1;
      entry.pending = row[2] as number;
      entry.processing = row[3] as number;
      entry.completed = row[4] as number;
      entry.failed = row[5] as number;
      entry.meanDurationMs = row[6] as number | null;
      this.#pending += entry.pending;
      this.#entries.set(entry.task, entry);
    }
    for (const [task, key, count] of running) {
      this.#entries.get(task as string)?.runningByKey.set(key as string, count as number);
    }
    for (const [task, key, count] of parked) {
      this.#entries.get(task as string)?.parkedByKey.set(key as string, count as number);
    }
  }

  /** Called between commits, so memory holds what the file holds. */
  records(): TaskRecord[] {
    const entries = [...this.#entries.values()].filter((entry) => !entry.isNew);
    entries.sort((a, b) => (a.task < b.task ? -1 : 1));
    return entries.map((entry) => ({
      task: entry.task,
      paused: entry.paused,
      pending: entry.pending,
      processing: entry.processing,
      completed: entry.completed,
      failed: entry.failed,
      oldestPendingAt: (this.#oldestPending.first(entry.task)?.[0] as number | undefined) ?? null,
      meanDurationMs: entry.meanDurationMs,
    }));
  }
}

function newEntry(task: string): TaskEntry {
  return {
    task,
    paused: false,
    pending: 0,
    processing: 0,
    completed: 0,
    failed: 0,
    meanDurationMs: null,
    runningByKey: new Map(),
    parkedByKey: new Map(),
    keysToCheck: new Set(),
    keyConcurrencyChecked: undefined,
    noneReady: false,
    nextDueAt: undefined,
    mayBeTooFar: true,
    isNew: false,
    isChanged: false,
  };
}

function add(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
