import { limits } from '../core/limits.ts';
import { isFinal } from '../core/operation.ts';
import type { PruneOutcome, Store } from '../store/store.ts';
import { operationOf } from '../store/operation-rows.ts';
import { textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import { pruneDeliveriesWrite } from './delivery-prune.ts';
import type { GroupCommit, SqlWrite } from './group-commit.ts';
import { lockOperationsSql } from './operations.ts';
import type { WorkingSet } from './working-set.ts';

/** Removal, on request and of what has expired. It does not lower the counters of a task. */
export const expiredOperationsSql = `
SELECT id, expires_at + retention_ms
FROM @operations
WHERE expires_at <= $1
ORDER BY expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED`;

const removeStatements = [
  `
DELETE FROM @result_chunks
WHERE operation_id = ANY($1::text[])`,
  `
DELETE FROM @attempts
WHERE operation_id = ANY($1::text[])`,
  `
DELETE FROM @log_chunks
WHERE operation_id = ANY($1::text[])`,
  `
DELETE FROM @operations
WHERE id = ANY($1::text[])`,
] as const;

const rememberGoneSql = `
INSERT INTO @gone_ids (id, gone_until)
SELECT *
FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (id) DO UPDATE SET gone_until = excluded.gone_until`;

/**
 * MATERIALIZED, here and below: as the inner side of a nested loop the LIMIT began anew for every
 * outer row.
 */
export const pruneGoneIdsSql = `
WITH expired AS MATERIALIZED (
  SELECT id
  FROM @gone_ids
  WHERE gone_until <= $1
  ORDER BY gone_until
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
DELETE FROM @gone_ids AS gone_ids
USING expired
WHERE gone_ids.id = expired.id`;

export const pruneKeysSql = `
WITH expired AS MATERIALIZED (
  SELECT scope, key
  FROM @idempotency_keys
  WHERE expires_at <= $1
  ORDER BY expires_at
  LIMIT $2
  FOR UPDATE SKIP LOCKED
)
DELETE FROM @idempotency_keys AS keys
USING expired
WHERE keys.scope = expired.scope
  AND keys.key = expired.key`;

/**
 * Removes slots of keys that nothing runs or waits with, among the next rows after ($1, $2). There
 * may be as many keys as customers, and an index of unused slots would slow every claim and settle.
 */
export const pruneSlotsSql = `
WITH looked AS MATERIALIZED (
  SELECT task, key, running + parked AS used
  FROM @slots
  WHERE (task, key) > ($1, $2)
  ORDER BY task, key
  LIMIT $3
), unused AS (
  SELECT slots.task, slots.key
  FROM looked
  JOIN @slots AS slots ON slots.task = looked.task AND slots.key = looked.key
  WHERE used = 0
    AND running = 0
    AND parked = 0
  FOR UPDATE OF slots SKIP LOCKED
), removed AS (
  DELETE FROM @slots AS slots
  USING unused
  WHERE slots.task = unused.task
    AND slots.key = unused.key
)
SELECT task, key, (SELECT count(*) FROM looked)
FROM looked
ORDER BY task DESC, key DESC
LIMIT 1`;

export const isGoneSql = `
SELECT 1
FROM @gone_ids
WHERE id = $1`;

/**
 * Bytes of input, errors and logs, and the position of the result's last chunk. Reads lengths only,
 * no text.
 */
const selectSizesSql = `
SELECT operations.id,
  octet_length(input)
    + coalesce((SELECT sum(octet_length(attempts.error)) FROM @attempts AS attempts
      WHERE attempts.operation_id = operations.id), 0)
    + coalesce((SELECT sum(octet_length(chunks.text)) FROM @log_chunks AS chunks
      WHERE chunks.operation_id = operations.id), 0),
  (SELECT max(position) FROM @result_chunks AS chunks WHERE chunks.operation_id = operations.id)
FROM @operations AS operations
WHERE operations.id = ANY($1::text[])`;

const removeChunksAfterSql = `
DELETE FROM @result_chunks
WHERE operation_id = $1
  AND position > $2`;

/**
 * An operation that is removed in several commits expires at once, so that the next prune finishes
 * a removal that was cut short.
 */
const expireSql = `
UPDATE @operations
SET expires_at = least(expires_at, $1)
WHERE id = $2`;

type RemoveOutcome = Awaited<ReturnType<Store['removeOperation']>>;

type Removable = { readonly id: string; readonly goneUntil: number };

/**
 * Both verbs take several commits when there is much to remove, each of limits.removeBytes, as
 * store-sqlite does. The last one removes the operation itself.
 */
export function pruneVerbs(commits: GroupCommit): Pick<Store, 'pruneExpired' | 'removeOperation'> {
  let slotsAfter: readonly [task: string, key: string] = ['', ''];
  const pruneSlots = async (tx: Transaction, limit: number): Promise<void> => {
    const [row] = await tx.all(pruneSlotsSql, ...slotsAfter, limit);
    const [task, key, looked] = (row ?? ['', '', 0]) as [string, string, number];
    slotsAfter = looked < limit ? ['', ''] : [task, key];
  };
  const expired = (now: number, limit: number): SqlWrite<{ removed: number; more: boolean }> => ({
    callersNow: now,
    execute: (set, at) => removeExpired(set, at, limit),
  });
  return {
    pruneExpired: async ({ now, limit }) => {
      const rest = await commits.write({
        callersNow: now,
        execute: async ({ tx }, at) => {
          const [removed] = await Promise.all([removeRest(tx, at, limit), pruneSlots(tx, limit)]);
          return removed;
        },
      });
      let operations = 0;
      for (let bytes = 0; bytes < limits.pruneBytes; bytes += limits.removeBytes) {
        const { removed, more } = await commits.write(expired(now, limit - operations));
        operations += removed;
        if (!more) break;
      }
      return { operations, ...rest, ...(await pruneDeliveries(commits, now, limit)) };
    },
    removeOperation: async (p) => {
      for (;;) {
        const outcome = await commits.write<RemoveOutcome | 'more'>({
          callersNow: p.now,
          execute: (set, at) => removePart(set, p, at),
        });
        if (outcome !== 'more') return outcome;
      }
    },
  };
}

async function pruneDeliveries(commits: GroupCommit, now: number, limit: number) {
  const pruned = { deliveries: 0, endpoints: 0 };
  for (let bytes = 0; bytes < limits.pruneBytes; bytes += limits.removeBytes) {
    const part = await commits.write(pruneDeliveriesWrite(now, limit - pruned.deliveries));
    pruned.deliveries += part.deliveries;
    pruned.endpoints += part.endpoints;
    if (!part.more) break;
  }
  return pruned;
}

/** Removes expired gone ids and idempotency keys. */
async function removeRest(
  tx: Transaction,
  now: number,
  limit: number,
): Promise<Pick<PruneOutcome, 'goneIds' | 'idempotencyKeys'>> {
  const [goneIds, idempotencyKeys] = await Promise.all([
    tx.run(pruneGoneIdsSql, now, limit),
    tx.run(pruneKeysSql, now, limit),
  ]);
  return { goneIds, idempotencyKeys };
}

/** Removes as many expired operations as fit into one commit. */
async function removeExpired(
  set: WorkingSet,
  now: number,
  limit: number,
): Promise<{ removed: number; more: boolean }> {
  const rows = await set.tx.all(expiredOperationsSql, now, limit);
  const found = rows.map((row) => ({ id: row[0] as string, goneUntil: row[1] as number }));
  const removed = await remove(set, found);
  return { removed, more: removed < found.length };
}

/** One commit's part of a removal on request. */
async function removePart(
  set: WorkingSet,
  { id, goneUntil }: Removable,
  now: number,
): Promise<RemoveOutcome | 'more'> {
  const [row] = await set.tx.all(lockOperationsSql, textArray([id]));
  if (row === undefined) return 'missing';
  if (!isFinal(operationOf(row).state)) return 'not_final';
  if ((await remove(set, [{ id, goneUntil }])) === 1) return 'removed';
  set.tx.post(expireSql, [now, id]);
  return 'more';
}

/**
 * Removes as many of them, in order, as fit into one commit, and returns their number. If one is
 * too large by itself, only the end of its result is removed.
 */
async function remove(set: WorkingSet, found: readonly Removable[]): Promise<number> {
  const { tx } = set;
  if (found.length === 0) return 0;
  const rows = await tx.all(selectSizesSql, textArray(found.map(({ id }) => id)));
  const sizes = new Map(rows.map((row) => [row[0] as string, row]));
  const taken: Removable[] = [];
  let bytesLeft: number = limits.removeBytes;
  for (const one of found) {
    if (bytesLeft <= 0) break;
    const [, bytes, lastChunkAt] = (sizes.get(one.id) ?? []) as [string, number, number | null];
    const resultBytes = lastChunkAt === null ? 0 : lastChunkAt + limits.resultChunkBytes;
    if (lastChunkAt !== null && resultBytes > bytesLeft) {
      tx.post(removeChunksAfterSql, [one.id, lastChunkAt - bytesLeft]);
      break;
    }
    taken.push(one);
    bytesLeft -= resultBytes + bytes;
  }
  const ids = textArray(taken.map(({ id }) => id));
  for (const sql of removeStatements) tx.post(sql, [ids]);
  tx.post(rememberGoneSql, [ids, `{${taken.map(({ goneUntil }) => goneUntil).join(',')}}`]);
  await tx.settled();
  for (const { id } of taken) set.forget(id);
  return taken.length;
}
