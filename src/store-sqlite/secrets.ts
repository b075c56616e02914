import type { DeliveryStore, WebhookSecret } from '../store/delivery-store.ts';
import { liveSecrets, rotatedSecrets } from '../store/webhook-secrets.ts';
import type { ReadConnection, Row, WriteConnection } from './connection.ts';

/**
 * Signing secrets: a handful of rows for each owner, the newest last, written anew with every
 * rotation.
 */
export const selectSecretsSql = `
SELECT value, created_at, expires_at
FROM webhook_secrets
WHERE owner = ?
ORDER BY seq DESC`;

const insertSecretSql = `
INSERT INTO webhook_secrets (owner, value, created_at, expires_at)
VALUES (?, ?, ?, ?)`;

export const deleteSecretsSql = `
DELETE FROM webhook_secrets
WHERE owner = ?`;

const ownersMax = 1_000;

type Rotate = Parameters<DeliveryStore['rotateSecret']>[0];

export type SecretWrites = {
  /** The live secrets, newest first. */
  readonly read: (owner: string, now: number) => WebhookSecret[];
  readonly rotate: (p: Rotate) => WebhookSecret[];
  readonly remove: (owner: string) => void;
};

/**
 * `known`: the secrets of owners that were read. Other code that writes secrets, or rolls that
 * back, removes their owners from it.
 */
export function prepareSecretWrites(
  writer: WriteConnection,
  known: Map<string, readonly WebhookSecret[]>,
): SecretWrites {
  const select = writer.prepare(selectSecretsSql);
  const insert = writer.prepare(insertSecretSql);
  const removeAll = writer.prepare(deleteSecretsSql);
  const remove = (owner: string): void => {
    known.delete(owner);
    removeAll.run(owner);
  };
  const read = (owner: string): readonly WebhookSecret[] => {
    const secrets = select.all(owner).map(secretOf);
    if (known.size >= ownersMax) known.clear();
    known.set(owner, secrets);
    return secrets;
  };
  return {
    read: (owner, now) => liveSecrets(known.get(owner) ?? read(owner), now),
    rotate: ({ owner, secret, graceMs, now }) => {
      const before = select.all(owner).map(secretOf);
      const secrets = rotatedSecrets(before, { secret, graceMs, now });
      remove(owner);
      for (const { value, createdAt, expiresAt } of secrets.toReversed()) {
        insert.run(owner, value, createdAt, expiresAt);
      }
      return secrets;
    },
    remove,
  };
}

export function prepareReadSecrets(
  reader: ReadConnection,
): (p: { readonly owner: string; readonly now: number }) => WebhookSecret[] {
  const select = reader.prepare(selectSecretsSql);
  return ({ owner, now }) => liveSecrets(select.all(owner).map(secretOf), now);
}

function secretOf(row: Row): WebhookSecret {
  return {
    value: row[0] as string,
    createdAt: row[1] as number,
    expiresAt: row[2] as number | null,
  };
}
