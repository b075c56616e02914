import type { IdempotencyKey, UsedIdempotencyKey } from '../store/store.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Queries, Row, Transaction } from './connection.ts';
import { LostRace } from './postgres-error.ts';

export const findKeysSql = `
SELECT keys.scope, keys.key, fingerprint, operation_id, expires_at
FROM unnest($1::text[], $2::text[]) AS wanted (scope, key)
JOIN @idempotency_keys AS keys ON keys.scope = wanted.scope AND keys.key = wanted.key`;

/**
 * Takes over expired keys. A key that another node is using at this moment makes this wait for the
 * end of that transaction. A key that another node has used is left alone, which the row count
 * shows. Rows are written in one order everywhere.
 */
export const useKeysSql = `
INSERT INTO @idempotency_keys AS keys (scope, key, fingerprint, operation_id, expires_at)
SELECT *
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])
  AS used (scope, key, fingerprint, operation_id, expires_at)
ORDER BY scope, key
ON CONFLICT (scope, key) DO UPDATE
SET fingerprint = excluded.fingerprint,
    operation_id = excluded.operation_id,
    expires_at = excluded.expires_at
WHERE keys.expires_at <= $6`;

const findKeySql = `
SELECT fingerprint, operation_id
FROM @idempotency_keys
WHERE scope = $1
  AND key = $2
  AND expires_at > $3`;

/** As Store.readIdempotencyKey(). */
export async function findKey(
  database: Queries,
  { scope, key, now }: { readonly scope: string; readonly key: string; readonly now: number },
): Promise<UsedIdempotencyKey | null> {
  const [row] = await database.all(findKeySql, scope, key, now);
  if (row === undefined) return null;
  return { fingerprint: row[0] as string, operationId: row[1] as string };
}

export type UsedKey = {
  readonly fingerprint: string;
  readonly operationId: string;
  readonly expiresAt: number;
};

/** The keys that a transaction looks at and uses. */
export class IdempotencyKeys {
  readonly #found = new Map<string, UsedKey>();
  readonly #used = new Map<
    string,
    { readonly key: IdempotencyKey; readonly operationId: string }
  >();

  static find(tx: Transaction, keys: readonly IdempotencyKey[]): Promise<Row[]> {
    return tx.all(
      findKeysSql,
      textArray(keys.map(({ scope }) => scope)),
      textArray(keys.map(({ key }) => key)),
    );
  }

  /** Rows of findKeysSql. */
  load(rows: readonly Row[]): void {
    for (const [scope, key, fingerprint, operationId, expiresAt] of rows) {
      this.#found.set(nameOf({ scope: scope as string, key: key as string }), {
        fingerprint: fingerprint as string,
        operationId: operationId as string,
        expiresAt: expiresAt as number,
      });
    }
  }

  get operationIds(): string[] {
    return [...this.#found.values()].map(({ operationId }) => operationId);
  }

  /** The earlier use of this key; null: there is none, or the key has expired. */
  find(key: IdempotencyKey, now: number): UsedKey | null {
    const found = this.#found.get(nameOf(key));
    return found !== undefined && found.expiresAt > now ? found : null;
  }

  use(key: IdempotencyKey, operationId: string): void {
    const { fingerprint, expiresAt } = key;
    this.#found.set(nameOf(key), { fingerprint, operationId, expiresAt });
    this.#used.set(nameOf(key), { key, operationId });
  }

  /** Throws LostRace when another node used one of the keys since they were read. */
  async flush(tx: Transaction, now: number): Promise<void> {
    const used = [...this.#used.values()];
    if (used.length === 0) return;
    const stored = await tx.run(
      useKeysSql,
      textArray(used.map(({ key }) => key.scope)),
      textArray(used.map(({ key }) => key.key)),
      textArray(used.map(({ key }) => key.fingerprint)),
      textArray(used.map(({ operationId }) => operationId)),
      numberArray(used.map(({ key }) => key.expiresAt)),
      now,
    );
    if (stored !== used.length) throw new LostRace('idempotency key');
    this.#used.clear();
  }
}

function nameOf(key: { readonly scope: string; readonly key: string }): string {
  return `${key.scope}\0${key.key}`;
}
