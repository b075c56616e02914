import type { IdempotencyKey } from '../store/store.ts';
import type { WriteConnection } from './connection.ts';

export const findKeySql = `
SELECT fingerprint, operation_id
FROM idempotency_keys
WHERE scope = ?
  AND key = ?
  AND expires_at > ?`;

/** Takes over expired keys. */
const useKeySql = `
INSERT INTO idempotency_keys (scope, key, fingerprint, operation_id, expires_at)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (scope, key) DO UPDATE
SET fingerprint = excluded.fingerprint,
    operation_id = excluded.operation_id,
    expires_at = excluded.expires_at`;

export type IdempotencyKeys = {
  /** The earlier use of this key; null: there is none, or the key has expired. */
  readonly find: (
    key: IdempotencyKey,
    now: number,
  ) => { readonly fingerprint: string; readonly operationId: string } | null;
  readonly use: (key: IdempotencyKey, operationId: string) => void;
};

export function prepareIdempotencyKeys(writer: WriteConnection): IdempotencyKeys {
  const find = writer.prepare(findKeySql);
  const use = writer.prepare(useKeySql);
  return {
    find: ({ scope, key }, now) => {
      const row = find.first(scope, key, now);
      if (row === undefined) return null;
      return { fingerprint: row[0] as string, operationId: row[1] as string };
    },
    use: (key, operationId) => {
      use.run(key.scope, key.key, key.fingerprint, operationId, key.expiresAt);
    },
  };
}
