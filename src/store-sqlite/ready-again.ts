import { limits } from '../core/limits.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';
import type { Ledger, TaskEntry } from './ledger.ts';
import type { Operations } from './operations.ts';

/**
 * What must be done before a claim so that everything that may run is ready: scheduled rows whose
 * time has come, and parked rows whose key has free slots although no attempt with the key just
 * ended (limits were raised, or the operation that was to take the slot never ran). Usually memory
 * shows that there are none, and no statement runs.
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
  LIMIT ? + 0
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
  LIMIT ? + 0
)`;

export const nextDueSql = `
SELECT ready_at
FROM operations
WHERE state = 'scheduled'
  AND task = ?
ORDER BY ready_at
LIMIT 1`;

/** Counts the rows that a claim may still look at. */
export class Scan {
  rowsLeft: number;

  constructor(rows: number) {
    this.rowsLeft = rows;
  }

  look(rows: number): void {
    this.rowsLeft = Math.max(0, this.rowsLeft - rows);
  }
}

export class ReadyAgain {
  readonly #ledger: Ledger;
  readonly #operations: Operations;
  readonly #due: WriteStatement;
  readonly #tooFar: WriteStatement;
  readonly #nextDue: WriteStatement;

  constructor(writer: WriteConnection, ledger: Ledger, operations: Operations) {
    this.#ledger = ledger;
    this.#operations = operations;
    this.#due = writer.prepare(dueSql);
    this.#tooFar = writer.prepare(tooFarSql);
    this.#nextDue = writer.prepare(nextDueSql);
  }

  makeDueReady(entry: TaskEntry, now: number, scan: Scan): void {
    if (!entry.mayBeTooFar && entry.nextDueAt !== undefined) {
      if (entry.nextDueAt === null || entry.nextDueAt > now) return;
    }
    this.#makeReady(this.#due, entry, { at: now, scan });
    this.#makeReady(this.#tooFar, entry, { at: now + limits.delayMsMax, scan });
    entry.mayBeTooFar = scan.rowsLeft === 0;
    entry.nextDueAt = (this.#nextDue.first(entry.task)?.[0] as number | undefined) ?? null;
  }

  #makeReady(statement: WriteStatement, entry: TaskEntry, p: { at: number; scan: Scan }): void {
    const { scan } = p;
    const count = scan.rowsLeft === 0 ? 0 : statement.runCounted(entry.task, p.at, scan.rowsLeft);
    scan.look(count);
    for (let i = 0; i < count; i += 1) {
      // Their keys do not matter, because neither state counts by key.
      this.#ledger.moved({ task: entry.task, key: null, from: 'scheduled', to: 'ready' });
    }
  }

  unparkFree(entry: TaskEntry, keyConcurrency: number | null, scan: Scan): void {
    const isAsBefore = entry.keyConcurrencyChecked === keyConcurrency;
    const keys = isAsBefore ? entry.keysToCheck : entry.parkedByKey;
    for (const key of keys.keys()) {
      const running = entry.runningByKey.get(key) ?? 0;
      const free = keyConcurrency === null ? Infinity : keyConcurrency - running;
      const count = Math.min(free, scan.rowsLeft);
      if (count > 0) scan.look(this.#operations.unpark(entry, key, count));
      if (scan.rowsLeft === 0) return;
      entry.keysToCheck.delete(key);
    }
    entry.keyConcurrencyChecked = keyConcurrency;
  }
}
