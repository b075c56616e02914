import { limits } from '../core/limits.ts';
import { textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import { unparkSql } from './operations.ts';
import { unparkValues } from './ledger.ts';

/**
 * What must be done before a claim so that everything that may run is ready: scheduled rows whose time
 * has come, and parked rows whose key has free slots although no attempt with the key just ended (limits
 * were raised, or the operation that was to take the slot never ran). In the common case lanesSql says
 * that there is nothing of the kind, and none of these runs.
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

export const slotsToCheckSql = `
SELECT key, running, parked
FROM @slots
WHERE needs_check
  AND task = $1
ORDER BY key
LIMIT $2
FOR UPDATE`;

const slotsCheckedSql = `
UPDATE @slots
SET needs_check = FALSE
WHERE task = $1
  AND key = ANY($2::text[])`;

const checkAllSlotsSql = `
UPDATE @slots
SET needs_check = TRUE
WHERE task = $1
  AND parked > 0`;

const keyConcurrencyCheckedSql = `
UPDATE @claim_locks
SET key_concurrency_checked = $2
WHERE task = $1`;

/** The rows a claim may still look at. */
export class Scan {
  rowsLeft: number;

  constructor(rows: number) {
    this.rowsLeft = rows;
  }

  look(rows: number): void {
    this.rowsLeft = Math.max(0, this.rowsLeft - rows);
  }
}

/** Yields when the next scheduled one is due; null: there is none. */
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

/** How a limit is written down; there is always one to compare with. */
export function storedLimit(keyConcurrency: number | null): number {
  return keyConcurrency ?? -1;
}

/** The limit is another one than at the last claim: every key with parked ones is to be looked at. */
export function postCheckAll(tx: Transaction, task: string, keyConcurrency: number | null): void {
  tx.post(checkAllSlotsSql, [task]);
  tx.post(keyConcurrencyCheckedSql, [task, storedLimit(keyConcurrency)]);
}

/** Keys looked at in one claim. */
const keysMax = 200;

/** Makes as many parked ones ready as their keys have free slots. */
export async function unparkFree(
  tx: Transaction,
  task: string,
  p: { readonly keyConcurrency: number | null; readonly scan: Scan },
): Promise<void> {
  const { keyConcurrency, scan } = p;
  const rows = await tx.all(slotsToCheckSql, task, keysMax);
  const checked: string[] = [];
  const wanted: { task: string; key: string; count: number }[] = [];
  for (const row of rows) {
    const [key, running, parked] = row as [string, number, number];
    const free = keyConcurrency === null ? parked : Math.min(parked, keyConcurrency - running);
    const count = Math.min(free, scan.rowsLeft);
    if (count > 0) wanted.push({ task, key, count });
    scan.look(Math.max(0, count));
    // Else it stays to be checked.
    if (free <= 0 || count === free) checked.push(key);
  }
  tx.post(slotsCheckedSql, [task, textArray(checked)]);
  if (wanted.length > 0) tx.post(unparkSql, unparkValues(wanted));
  await tx.settled();
}
