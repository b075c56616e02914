import { limits } from '../core/limits.ts';
import type { WriteConnection } from './connection.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { hasDeliverySql } from './endpoints.ts';
import { seqOf } from './rows.ts';
import { deleteSecretsSql } from './secrets.ts';

/** Removal of finished deliveries, and of what only they needed. */
export const removableDeliveriesSql = `
SELECT seq, endpoint_seq, last_attempt
FROM deliveries
WHERE remove_at <= ?
ORDER BY remove_at
LIMIT ? + 0`;

/** These statements read lengths only, no text. */
const bodySizeSql = `
SELECT octet_length(body)
FROM delivery_bodies
WHERE delivery_seq = ?`;

const attemptSizeSql = `
SELECT previous, octet_length(answer)
FROM delivery_attempts
WHERE seq = ?`;

const removeAttemptSql = `
DELETE FROM delivery_attempts
WHERE seq = ?`;

const removeDeliveryStatements = [
  `
DELETE FROM deliveries
WHERE seq = ?`,
  `
DELETE FROM delivery_bodies
WHERE delivery_seq = ?`,
] as const;

export const pruneSecretsSql = `
DELETE FROM webhook_secrets
WHERE seq IN (
  SELECT seq
  FROM webhook_secrets
  WHERE expires_at <= ?
  ORDER BY expires_at
  LIMIT ? + 0
)`;

export type PrunedDeliveries = {
  readonly deliveries: number;
  readonly endpoints: number;
  readonly more: boolean;
};

/** One commit's part of a prune: up to `limit` of each kind, and up to limits.removeBytes. */
export type PruneDeliveries = (now: number, limit: number) => PrunedDeliveries;

export function preparePruneDeliveries(
  writer: WriteConnection,
  endpoints: EndpointLedger,
): PruneDeliveries {
  const removable = writer.prepare(removableDeliveriesSql);
  const bodySize = writer.prepare(bodySizeSql);
  const attemptSize = writer.prepare(attemptSizeSql);
  const removeAttempt = writer.prepare(removeAttemptSql);
  const removals = removeDeliveryStatements.map((sql) => writer.prepare(sql));
  const hasDelivery = writer.prepare(hasDeliverySql);
  const removeSecrets = writer.prepare(deleteSecretsSql);
  const pruneSecrets = writer.prepare(pruneSecretsSql);

  /**
   * Removes the endpoint if it has lost its last delivery. Returns whether it was visible until
   * now.
   */
  function forgetUnused(endpointSeq: number): boolean {
    const entry = endpoints.bySeq(endpointSeq);
    const isRemoved = entry.removedAt !== null;
    if (!isRemoved && entry.endpoint.kind === 'registered') return false;
    if (hasDelivery.first(endpointSeq) !== undefined) return false;
    endpoints.secrets.delete(entry.endpoint.id);
    removeSecrets.run(entry.endpoint.id);
    endpoints.forget(entry);
    return !isRemoved;
  }

  /**
   * Removes the attempts from the latest, which is `seq`, back to the first; returns their bytes.
   */
  function removeAttempts(seq: number | null): number {
    let bytes = 0;
    for (let at = seq; at !== null;) {
      const [previous = null, size] = attemptSize.first(at) ?? [];
      bytes += Number(size ?? 0);
      removeAttempt.run(at);
      at = previous as number | null;
    }
    return bytes;
  }

  return (now, limit) => {
    endpoints.secrets.clear();
    pruneSecrets.run(now, limit);
    const pruned = { deliveries: 0, endpoints: 0, more: false };
    let bytesLeft: number = limits.removeBytes;
    for (const row of removable.all(now, limit)) {
      pruned.more = bytesLeft <= 0;
      if (pruned.more) break;
      const seq = seqOf(row);
      bytesLeft -= Number(bodySize.first(seq)?.[0] ?? 0) + removeAttempts(row[2] as number | null);
      for (const removal of removals) removal.run(seq);
      pruned.deliveries += 1;
      if (forgetUnused(row[1] as number)) pruned.endpoints += 1;
    }
    return pruned;
  };
}
