import { limits } from '../core/limits.ts';
import type { ClaimTask } from '../store/store.ts';
import type { Transaction } from './connection.ts';
import { unparkValues, type Ledger } from './ledger.ts';
import { unparkRowsSql } from './operations.ts';

/**
 * What must be done before a claim so that everything that may run is ready: scheduled rows whose
 * time has come, and parked rows whose key has free slots although no attempt with the key just
 * ended (limits were raised, or the operation that was to take the slot never ran). Usually
 * lanesSql shows that there are none, and these statements do not run.
 */
function makeReadySql(which: string, order: string): string {
  return `
WITH due AS (
  SELECT queue.id
  FROM @queue AS queue
  JOIN @operations AS operations ON operations.id = queue.id
  WHERE queue.state = 'scheduled'
    AND queue.task = $1
    AND queue.ready_at ${which} $2
  ORDER BY queue.ready_at${order}
  LIMIT $3
  FOR UPDATE OF queue, operations SKIP LOCKED
), queued AS (
  UPDATE @queue AS queue
  SET state = 'ready'
  FROM due
  WHERE queue.id = due.id
)
UPDATE @operations AS operations
SET state = 'ready'
FROM due
WHERE operations.id = due.id`;
}

export const dueSql = makeReadySql('<=', '');
export const tooFarSql = makeReadySql('>', ' DESC');

export const nextDueSql = `
SELECT ready_at
FROM @queue
WHERE state = 'scheduled'
  AND task = $1
ORDER BY ready_at
LIMIT 1`;

/** Takes no lock: claims lock slots only at their end, all at once and in order. */
export const slotsToCheckSql = `
SELECT key, running, parked
FROM @slots
WHERE needs_check
  AND task = $1
ORDER BY key
LIMIT $2`;

/** For a limit that differs from the last claim's: every key may have free slots now. */
export const parkedSlotsSql = `
SELECT key, running, parked
FROM @slots
WHERE task = $1
  AND parked > 0
  AND ($3 < 0 OR running < $3)
ORDER BY key
LIMIT $2`;

const keyConcurrencyCheckedSql = `
UPDATE @claim_locks
SET key_concurrency_checked = $2
WHERE task = $1`;

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

/** Returns when the next scheduled operation is due; null: there is none. */
export async function makeDueReady(
  tx: Transaction,
  task: string,
  p: { readonly now: number; readonly scan: Scan },
): Promise<number | null> {
  const { now, scan } = p;
  for (const [sql, at] of [
    [dueSql, now],
    [tooFarSql, now + limits.delayMsMax],
  ] as const) {
    if (scan.rowsLeft > 0) scan.look(await tx.run(sql, task, at, scan.rowsLeft));
  }
  const [row] = await tx.all(nextDueSql, task);
  return (row?.[0] as number | undefined) ?? null;
}

/** A limit as it is stored; -1 stands for no limit. */
export function storedLimit(keyConcurrency: number | null): number {
  return keyConcurrency ?? -1;
}

/** Most keys looked at in one claim. */
const keysMax = 200;

/** Makes as many parked operations ready as their keys have free slots. */
export async function unparkFree(
  tx: Transaction,
  task: ClaimTask,
  p: { readonly ledger: Ledger; readonly scan: Scan; readonly isNewLimit: boolean },
): Promise<void> {
  const { ledger, scan } = p;
  const limit = storedLimit(task.keyConcurrency);
  const rows = p.isNewLimit
    ? await tx.all(parkedSlotsSql, task.name, keysMax, limit)
    : await tx.all(slotsToCheckSql, task.name, keysMax);
  const wanted: { task: string; key: string; count: number }[] = [];
  let isDone = rows.length < keysMax;
  for (const row of rows) {
    const [key, running, parked] = row as [string, number, number];
    const free = task.keyConcurrency === null ? parked : task.keyConcurrency - running;
    const count = Math.min(free, parked, scan.rowsLeft);
    scan.look(Math.max(0, count));
    if (count > 0) wanted.push({ task: task.name, key, count });
    // Otherwise the slot stays marked for another check.
    if (count === Math.min(free, parked) || free <= 0) ledger.slot(task.name, key).isChecked = true;
    else isDone = false;
  }
  const unparked = wanted.length === 0 ? [] : await tx.all(unparkRowsSql, ...unparkValues(wanted));
  for (const row of unparked) {
    const [name, key, count] = row as [string, string, number];
    ledger.unparked(name, key, count);
  }
  if (p.isNewLimit && isDone) tx.post(keyConcurrencyCheckedSql, [task.name, limit]);
}
