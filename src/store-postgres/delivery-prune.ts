import { limits } from '../core/limits.ts';
import { textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import type { SqlWrite } from './group-commit.ts';
import { pruneSecrets, removeSecrets } from './secrets.ts';
import type { WebhookSet } from './webhook-set.ts';

/** Removal of finished deliveries, and of what only they needed. */
export const removableDeliveriesSql = `
SELECT id, endpoint_id
FROM @deliveries
WHERE remove_at <= $1
ORDER BY remove_at
LIMIT $2`;

/**
 * Sizes of those that are still to be removed, now that their endpoints are locked. Reads lengths
 * only, no text.
 */
export const deliverySizesSql = `
SELECT id, endpoint_id,
  octet_length(body) + coalesce(
    (SELECT sum(octet_length(answer)) FROM @delivery_attempts AS attempts WHERE attempts.delivery_id = deliveries.id),
    0)
FROM @deliveries AS deliveries
WHERE id = ANY($1::text[])
  AND remove_at <= $2`;

const removeStatements = [
  `
DELETE FROM @delivery_attempts
WHERE delivery_id = ANY($1::text[])`,
  `
DELETE FROM @deliveries
WHERE id = ANY($1::text[])`,
] as const;

export const withoutDeliveriesSql = `
SELECT wanted.id
FROM unnest($1::text[]) AS wanted (id)
WHERE NOT EXISTS (
  SELECT FROM @deliveries AS deliveries WHERE deliveries.endpoint_id = wanted.id
)`;

export type PrunedDeliveries = {
  readonly deliveries: number;
  readonly endpoints: number;
  readonly more: boolean;
};

/** One commit's part of a prune: up to `limit` of each kind, and up to limits.removeBytes. */
export function pruneDeliveriesWrite(
  callersNow: number,
  limit: number,
): SqlWrite<PrunedDeliveries> {
  return {
    callersNow,
    execute: async ({ webhooks }, now) => {
      const { tx, endpoints } = webhooks;
      await pruneSecrets(tx, now, limit);
      const rows = await tx.all(removableDeliveriesSql, now, limit);
      await endpoints.lockFree(endpointIds(rows));
      const free = rows.filter((row) => endpoints.find(row[1] as string) !== undefined);
      const ids = free.map((row) => row[0] as string);
      const found = ids.length === 0 ? [] : await tx.all(deliverySizesSql, textArray(ids), now);
      const taken = takenOf(found);
      remove(tx, taken);
      const gone = await forgetUnused(webhooks, endpointIds(taken));
      const more = taken.length < found.length;
      return { deliveries: taken.length, endpoints: gone, more };
    },
  };
}

function endpointIds(rows: readonly Row[]): string[] {
  return [...new Set(rows.map((row) => row[1] as string))];
}

/** As many rows, in order, as fit into one commit. */
function takenOf(found: readonly Row[]): Row[] {
  const taken: Row[] = [];
  let bytesLeft: number = limits.removeBytes;
  for (const row of found) {
    if (bytesLeft <= 0) break;
    bytesLeft -= row[2] as number;
    taken.push(row);
  }
  return taken;
}

function remove(tx: Transaction, taken: readonly Row[]): void {
  if (taken.length === 0) return;
  const ids = textArray(taken.map((row) => row[0] as string));
  for (const sql of removeStatements) tx.post(sql, [ids]);
}

/**
 * Removes endpoints that lost their last delivery; registered ones only if they were removed
 * before. Returns how many were visible until now.
 */
async function forgetUnused(set: WebhookSet, ids: readonly string[]): Promise<number> {
  const { tx, endpoints } = set;
  const mayGo = ids
    .map((id) => endpoints.get(id))
    .filter(({ removedAt, endpoint }) => removedAt !== null || endpoint.kind === 'request');
  if (mayGo.length === 0) return 0;
  const rows = await tx.all(withoutDeliveriesSql, textArray(mayGo.map(({ id }) => id)));
  const unused: EndpointEntry[] = rows.map((row) => endpoints.get(row[0] as string));
  // Perhaps rotated after they were removed.
  for (const { id } of unused) removeSecrets(tx, id);
  endpoints.forget(unused);
  return unused.filter(({ removedAt }) => removedAt === null).length;
}
