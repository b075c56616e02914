import { limits } from '../core/limits.ts';
import { isFinal } from '../core/operation.ts';
import type { PruneOutcome, Store } from '../store/store.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { WriteConnection } from './connection.ts';
import type { PruneDeliveries } from './delivery-prune.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Operations } from './operations.ts';
import { operationSeqOf, seqOf } from './rows.ts';

/** Removal, on request and of what has expired. It does not lower the counters of a task. */
const selectOfOperation = `
SELECT seq, id, expires_at + retention_ms`;

export const expiredOperationsSql = `${selectOfOperation}
FROM operations
WHERE expires_at <= ?
ORDER BY expires_at
LIMIT ? + 0`;

const removeStatements = {
  operation: `
DELETE FROM operations
WHERE seq = ?`,
  input: `
DELETE FROM inputs
WHERE operation_seq = ?`,
  chunks: `
DELETE FROM result_chunks
WHERE operation_seq = ?`,
  attempts: `
DELETE FROM attempts
WHERE operation_seq = ?`,
  logs: `
DELETE FROM log_chunks
WHERE operation_seq = ?`,
} as const;

const rememberGoneSql = `
INSERT INTO gone_ids (id, gone_until)
VALUES (?, ?)
ON CONFLICT (id) DO UPDATE SET gone_until = excluded.gone_until`;

export const pruneGoneIdsSql = `
DELETE FROM gone_ids
WHERE id IN (
  SELECT id
  FROM gone_ids
  WHERE gone_until <= ?
  ORDER BY gone_until
  LIMIT ? + 0
)`;

export const pruneKeysSql = `
DELETE FROM idempotency_keys
WHERE (scope, key) IN (
  SELECT scope, key
  FROM idempotency_keys
  WHERE expires_at <= ?
  ORDER BY expires_at
  LIMIT ? + 0
)`;

export const isGoneSql = `
SELECT 1
FROM gone_ids
WHERE id = ?`;

/**
 * Bytes of input, errors and logs, and the position of the result's last chunk. Reads lengths only,
 * no text.
 */
const selectSizeSql = `
SELECT
  coalesce((SELECT octet_length(input) FROM inputs WHERE operation_seq = ?1), 0)
    + coalesce((SELECT sum(octet_length(error)) FROM attempts WHERE operation_seq = ?1), 0)
    + coalesce((SELECT sum(octet_length(text)) FROM log_chunks WHERE operation_seq = ?1), 0),
  (SELECT max(position) FROM result_chunks WHERE operation_seq = ?1)`;

const removeChunksAfterSql = `
DELETE FROM result_chunks
WHERE operation_seq = ?
  AND position > ?`;

/**
 * An operation that is removed in several commits expires at once, so that the next prune finishes
 * a removal that was cut short.
 */
const expireSql = `
UPDATE operations
SET expires_at = min(expires_at, ?)
WHERE seq = ?`;

type PruneRest = Pick<PruneOutcome, 'goneIds' | 'idempotencyKeys'>;

type RemoveOutcome = Awaited<ReturnType<Store['removeOperation']>>;

type Removable = { readonly seq: number; readonly id: string; readonly goneUntil: number };

/**
 * Both verbs take several commits when there is much to remove, each of limits.removeBytes:
 * deleting 450 MB in one blocked everything else for 0.7 s. The last one removes the operation
 * itself.
 */
export function preparePrune(
  writer: WriteConnection,
  commits: GroupCommit,
  p: { readonly operations: Operations; readonly pruneDeliveries: PruneDeliveries },
): Pick<Store, 'pruneExpired' | 'removeOperation'> {
  const { removeRest, removeExpired, removePart } = prepareRemovals(writer, p.operations);
  async function pruneDeliveries(now: number, limit: number) {
    const pruned = { deliveries: 0, endpoints: 0 };
    for (let bytes = 0; bytes < limits.pruneBytes; bytes += limits.removeBytes) {
      const limitLeft = limit - pruned.deliveries;
      const part = await commits.write(() => p.pruneDeliveries(now, limitLeft));
      pruned.deliveries += part.deliveries;
      pruned.endpoints += part.endpoints;
      if (!part.more) break;
    }
    return pruned;
  }

  return {
    pruneExpired: async ({ now, limit }) => {
      const first = await commits.write(() => ({
        rest: removeRest(now, limit),
        expired: removeExpired(now, limit),
      }));
      let { removed, more } = first.expired;
      for (let bytes = limits.removeBytes; more && bytes < limits.pruneBytes;) {
        const limitLeft = limit - removed;
        const next = await commits.write(() => removeExpired(now, limitLeft));
        removed += next.removed;
        more = next.more;
        bytes += limits.removeBytes;
      }
      return { operations: removed, ...first.rest, ...(await pruneDeliveries(now, limit)) };
    },
    removeOperation: async ({ id, now, goneUntil }) => {
      for (;;) {
        const outcome = await commits.write(() => removePart(id, now, goneUntil));
        if (outcome !== 'more') return outcome;
      }
    },
  };
}

function prepareRemovals(writer: WriteConnection, operations: Operations) {
  const expiredOperations = writer.prepare(expiredOperationsSql);
  const removals = Object.values(removeStatements).map((sql) => writer.prepare(sql));
  const rememberGone = writer.prepare(rememberGoneSql);
  const pruneGoneIds = writer.prepare(pruneGoneIdsSql);
  const pruneKeys = writer.prepare(pruneKeysSql);
  const selectSize = writer.prepare(selectSizeSql);
  const removeChunksAfter = writer.prepare(removeChunksAfterSql);
  const expire = writer.prepare(expireSql);

  /**
   * Returns the bytes then left of `bytesMax`; null: the operation was too large, so only the end
   * of its result was removed.
   */
  function remove({ seq, id, goneUntil }: Removable, bytesMax: number): number | null {
    const [bytes, lastChunkAt] = (selectSize.first(seq) ?? []) as [number, number | null];
    const resultBytes = lastChunkAt === null ? 0 : lastChunkAt + limits.resultChunkBytes;
    if (lastChunkAt !== null && resultBytes > bytesMax) {
      removeChunksAfter.run(seq, lastChunkAt - bytesMax);
      return null;
    }
    for (const removal of removals) removal.run(seq);
    rememberGone.run(id, goneUntil);
    return bytesMax - resultBytes - bytes;
  }

  /** Removes as many expired operations as fit into one commit. */
  function removeExpired(now: number, limit: number): { removed: number; more: boolean } {
    let bytesLeft: number = limits.removeBytes;
    let removed = 0;
    for (const row of expiredOperations.all(now, limit)) {
      if (bytesLeft <= 0) return { removed, more: true };
      const found = { seq: seqOf(row), id: row[1] as string, goneUntil: row[2] as number };
      const left = remove(found, bytesLeft);
      if (left === null) return { removed, more: true };
      bytesLeft = left;
      removed += 1;
    }
    return { removed, more: false };
  }

  /** Removes expired gone ids and idempotency keys. */
  function removeRest(now: number, limit: number): PruneRest {
    return {
      goneIds: pruneGoneIds.runCounted(now, limit),
      idempotencyKeys: pruneKeys.runCounted(now, limit),
    };
  }

  /** One commit's part of a removal on request. */
  function removePart(id: string, now: number, goneUntil: number): RemoveOutcome | 'more' {
    const row = operations.find(id);
    if (row === undefined) return 'missing';
    if (!isFinal(operationOf(row).state)) return 'not_final';
    const seq = operationSeqOf(row);
    if (remove({ seq, id, goneUntil }, limits.removeBytes) !== null) return 'removed';
    expire.run(now, seq);
    return 'more';
  }

  return { removeRest, removeExpired, removePart };
}
