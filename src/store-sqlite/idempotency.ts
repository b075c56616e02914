import type { IdempotencyKey, UsedIdempotencyKey } from '../store/store.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';

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

/** The request that used this key before; null: none, or the key has expired. */
type FindKey = (
  key: Pick<IdempotencyKey, 'scope' | 'key'>,
  now: number,
) => UsedIdempotencyKey | null;

export type IdempotencyKeys = {
  readonly find: FindKey;
  readonly use: (key: IdempotencyKey, operationId: string) => void;
};

export function prepareIdempotencyKeys(writer: WriteConnection): IdempotencyKeys {
  const use = writer.prepare(useKeySql);
  return {
    find: prepareFindKey(writer),
    use: (key, operationId) => {
      use.run(key.scope, key.key, key.fingerprint, operationId, key.expiresAt);
    },
  };
}

export function prepareFindKey(connection: ReadConnection | WriteConnection): FindKey {
  const find = connection.prepare(findKeySql);
  return ({ scope, key }, now) => {
    const row = find.first(scope, key, now);
    if (row === undefined) return null;
    return { fingerprint: row[0] as string, operationId: row[1] as string };
  };
}
