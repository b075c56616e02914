import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Delivery } from '../core/delivery.ts';
import { deliveryColumns, deliveryOf } from '../store/delivery-rows.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import type { WebhookSet } from './webhook-set.ts';

/**
 * When an endpoint is disabled, enabled or removed, its waiting deliveries are held, released or
 * cancelled in the same commit. One UPDATE does it, because core decides the same for all of them
 * as for the first. Beyond `alignedMax` the rest is left to the sweeps that follow. Until then
 * nothing is sent that must not be, because the place of the endpoint is idle.
 */
const pendingSource = '@deliveries WHERE next_at IS NOT NULL';
const heldSource = "@deliveries WHERE state = 'held'";

const selectSql = (source: string): string => `
SELECT ${deliveryColumns}
FROM ${source}
  AND endpoint_id = $1
LIMIT $2`;

const moveSql = (source: string): string => `
UPDATE @deliveries
SET state = $1,
    version = version + 1,
    next_at = $2,
    next_reason = $3,
    finished_at = $4,
    remove_at = $5
WHERE id = ANY(ARRAY(
  SELECT id
  FROM ${source}
    AND endpoint_id = $6
  LIMIT $7
))`;

export const pendingOfEndpointSql = selectSql(pendingSource);
export const heldOfEndpointSql = selectSql(heldSource);
export const movePendingSql = moveSql(pendingSource);
export const moveHeldSql = moveSql(heldSource);

const alignedMax = 20_000;

type Source = { readonly select: string; readonly move: string };
const pending: Source = { select: pendingOfEndpointSql, move: movePendingSql };
const held: Source = { select: heldOfEndpointSql, move: moveHeldSql };

function sourcesOf({ removedAt, endpoint }: EndpointEntry): readonly Source[] {
  if (removedAt !== null) return [pending, held];
  return endpoint.disabled === null ? [held] : [pending];
}

/** Aligns all deliveries of the endpoint in this commit, up to `alignedMax` of each source. */
export async function alignAll(set: WebhookSet, entry: EndpointEntry, now: number): Promise<void> {
  set.post();
  let isBehind = false;
  for (const source of sourcesOf(entry)) {
    if ((await move(set, source, { entry, now })) === alignedMax) isBehind = true;
  }
  set.deliveries.forget(entry.id);
  set.endpoints.behind(entry, isBehind);
  set.endpoints.touch(entry);
}

/** Applies to all what core decides for the first; returns how many there were. */
async function move(
  { tx, deliveries }: WebhookSet,
  source: Source,
  { entry, now }: { readonly entry: EndpointEntry; readonly now: number },
): Promise<number> {
  const [row] = await tx.all(source.select, entry.id, 1);
  if (row === undefined) return 0;
  const endpoint = entry.removedAt === null ? entry.endpoint : null;
  const decision = decideAtEndpoint(deliveryOf(row), eventOf(entry), { endpoint, now });
  if (decision.outcome !== 'applied') return 0;
  const { state, nextAt, nextReason, finishedAt, removeAt } = decision.delivery;
  if (nextAt !== null) deliveries.hasWaiting = true;
  return tx.run(source.move, state, nextAt, nextReason, finishedAt, removeAt, entry.id, alignedMax);
}

/** Aligns at most `limit` of the deliveries that were left, one by one, and returns them. */
export async function alignSome(
  set: WebhookSet,
  entry: EndpointEntry,
  p: { readonly now: number; readonly limit: number },
): Promise<Delivery[]> {
  const changed: Delivery[] = [];
  set.post();
  let left = p.limit;
  for (const { select } of sourcesOf(entry)) {
    const rows = left === 0 ? [] : await set.tx.all(select, entry.id, left);
    left -= rows.length;
    for (const row of rows) {
      const found = set.deliveries.adopt(row);
      changed.push(set.deliveries.apply(found, eventOf(entry), p.now).delivery);
    }
  }
  set.endpoints.behind(entry, left === 0);
  return changed;
}

function eventOf({ removedAt, endpoint }: EndpointEntry) {
  if (removedAt !== null) return { type: 'discarded' } as const;
  return { type: endpoint.disabled === null ? 'released' : 'held' } as const;
}
