import { isFinal } from '../core/operation.ts';
import type { PruneOutcome } from '../store/store.ts';
import type { Row, WriteConnection } from './connection.ts';
import type { Operations } from './operations.ts';
import { operationOf, seqOf } from './rows.ts';

/** Removal: on request, and of what has expired. Counters of a task do not go down with it. */
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

export type Prune = {
  readonly expired: (p: { readonly now: number; readonly limit: number }) => PruneOutcome;
  readonly remove: (p: {
    readonly id: string;
    readonly goneUntil: number;
  }) => 'removed' | 'not_final' | 'missing';
};

export function preparePrune(writer: WriteConnection, operations: Operations): Prune {
  const expiredOperations = writer.prepare(expiredOperationsSql);
  const removals = Object.values(removeStatements).map((sql) => writer.prepare(sql));
  const rememberGone = writer.prepare(rememberGoneSql);
  const pruneGoneIds = writer.prepare(pruneGoneIdsSql);
  const pruneKeys = writer.prepare(pruneKeysSql);

  function remove(row: Row, id: string, goneUntil: number): void {
    for (const removal of removals) removal.run(seqOf(row));
    rememberGone.run(id, goneUntil);
  }

  return {
    expired: ({ now, limit }) => {
      const goneIds = pruneGoneIds.run(now, limit);
      const rows = expiredOperations.all(now, limit);
      for (const row of rows) remove(row, row[1] as string, row[2] as number);
      return { operations: rows.length, goneIds, idempotencyKeys: pruneKeys.run(now, limit) };
    },
    remove: ({ id, goneUntil }) => {
      const row = operations.find(id);
      if (row === undefined) return 'missing';
      if (!isFinal(operationOf(row).state)) return 'not_final';
      remove(row, id, goneUntil);
      return 'removed';
    },
  };
}
