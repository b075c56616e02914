import type { DeliveryStore, WebhookSecret } from '../store/delivery-store.ts';
import { liveSecrets, rotatedSecrets } from '../store/webhook-secrets.ts';
import { textArray } from './array-literal.ts';
import type { Queries, Transaction } from './connection.ts';

/**
 * Signing secrets: one row for each owner, with a handful of secrets as JSON, the newest first. So
 * one row lock orders rotations.
 */
export const selectSecretsSql = `
SELECT owner, secrets
FROM @webhook_secrets
WHERE owner = ANY($1::text[])`;

const lockSecretsSql = `
INSERT INTO @webhook_secrets AS kept (owner, secrets)
VALUES ($1, '[]')
ON CONFLICT (owner) DO UPDATE SET secrets = kept.secrets
RETURNING owner, secrets`;

const saveSecretsSql = `
UPDATE @webhook_secrets
SET secrets = $2,
    first_expires_at = $3
WHERE owner = $1`;

const deleteSecretsSql = `
DELETE FROM @webhook_secrets
WHERE owner = $1`;

export const expiredSecretsSql = `
SELECT owner, secrets
FROM @webhook_secrets
WHERE first_expires_at <= $1
ORDER BY first_expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED`;

type Rotate = Parameters<DeliveryStore['rotateSecret']>[0];

export async function rotateSecret(tx: Transaction, p: Rotate): Promise<WebhookSecret[]> {
  const { owner } = p;
  const [row] = await tx.all(lockSecretsSql, owner);
  const secrets = rotatedSecrets(secretsOf(row?.[1]), p);
  post(tx, owner, secrets);
  return secrets;
}

export function removeSecrets(tx: Transaction, owner: string): void {
  tx.post(deleteSecretsSql, [owner]);
}

export async function pruneSecrets(tx: Transaction, now: number, limit: number): Promise<void> {
  for (const [owner, json] of await tx.all(expiredSecretsSql, now, limit)) {
    post(tx, owner as string, liveSecrets(secretsOf(json), now));
  }
}

function post(tx: Transaction, owner: string, secrets: readonly WebhookSecret[]): void {
  if (secrets.length === 0) {
    removeSecrets(tx, owner);
    return;
  }
  const ends = secrets.map(({ expiresAt }) => expiresAt ?? Infinity);
  const first = Math.min(...ends);
  tx.post(saveSecretsSql, [owner, JSON.stringify(secrets), first === Infinity ? null : first]);
}

/** The live secrets of each owner, newest first. */
export async function readSecretsOf(
  tx: Pick<Transaction, 'all'>,
  owners: Iterable<string>,
  now: number,
): Promise<Map<string, WebhookSecret[]>> {
  const rows = await tx.all(selectSecretsSql, textArray([...owners]));
  return new Map(rows.map(([owner, json]) => [owner as string, liveSecrets(secretsOf(json), now)]));
}

export async function readSecrets(
  database: Queries,
  { owner, now }: { readonly owner: string; readonly now: number },
): Promise<WebhookSecret[]> {
  return (await readSecretsOf(database, [owner], now)).get(owner) ?? [];
}

function secretsOf(json: unknown): WebhookSecret[] {
  return typeof json === 'string' ? (JSON.parse(json) as WebhookSecret[]) : [];
}
