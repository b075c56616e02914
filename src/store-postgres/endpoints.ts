import { limits } from '../core/limits.ts';
import { changedEndpoint } from '../store/changed-endpoint.ts';
import type { DeliveryStore, EndpointPage, EndpointWithCounts } from '../store/delivery-store.ts';
import { endpointColumnCount, endpointColumns } from '../store/endpoint-rows.ts';
import { textArray } from './array-literal.ts';
import type { Queries } from './connection.ts';
import { alignAll } from './delivery-align.ts';
import { withoutDeliveriesSql } from './delivery-prune.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import { endpointOf } from './endpoint-rows.ts';
import type { SqlWrite } from './group-commit.ts';
import { removeSecrets, rotateSecret } from './secrets.ts';
import type { WebhookSet } from './webhook-set.ts';

/** Endpoints as people see and change them. How attempts change them is in delivery-settle.ts. */
const countOf = (condition: string): string => `
  (SELECT count(*) FROM (
    SELECT FROM @deliveries AS deliveries
    WHERE deliveries.endpoint_id = endpoints.id AND ${condition}
    LIMIT ${limits.deliveryCountMax}
  ) AS counted)`;

export const readEndpointSql = `
SELECT ${endpointColumns},
  ${['next_at IS NOT NULL', "state = 'held'", "state = 'dead'"].map(countOf).join(',')}
FROM @endpoints AS endpoints
WHERE id = $1
  AND removed_at IS NULL`;

/**
 * `id` is the expression that the wanted index is on: by the primary key the planner would walk
 * past the endpoints of all tenants.
 */
const listSql = (condition: string, id: string): string => `
SELECT ${endpointColumns}
FROM @endpoints
WHERE removed_at IS NULL${condition}
  AND tenant = $1
  AND ${id} < $2
ORDER BY ${id} DESC
LIMIT $3`;

export const listEndpointsSql = listSql('', "id || ''");
export const listRegisteredSql = listSql("\n  AND kind = 'registered'", 'id');
/** Walks past the registered endpoints of the tenant, limits.endpointsMax at most. */
export const listRequestSql = listSql("\n  AND kind = 'request'", "id || ''");

export const countRegisteredSql = `
SELECT count(*)
FROM @endpoints
WHERE kind = 'registered'
  AND removed_at IS NULL
  AND tenant = $1`;

/** Sorts after every id. */
const idMax = 'ep_~';

type Params<Verb extends keyof DeliveryStore> = Parameters<DeliveryStore[Verb]>[0];
type Outcome<Verb extends keyof DeliveryStore> = Awaited<ReturnType<DeliveryStore[Verb]>>;

/**
 * The cap is that of the moment. Differs from store-sqlite, which is exact: each node that
 * registers at the same instant may exceed it by one.
 */
export function createEndpointWrite({
  endpoint,
  secret,
  now: callersNow,
}: Params<'createEndpoint'>): SqlWrite<Outcome<'createEndpoint'>> {
  return {
    callersNow,
    needs: ({ endpoints }) => endpoints.ids.add(endpoint.id),
    execute: async ({ webhooks }, now) => {
      const { tx, endpoints } = webhooks;
      const [row] = await tx.all(countRegisteredSql, endpoint.tenant);
      if (endpoint.kind === 'registered' && Number(row?.[0]) >= limits.endpointsMax) return 'full';
      await find(webhooks, endpoint.id);
      endpoints.insert(endpoint);
      endpoints.postInserts();
      if (secret !== null) await rotateSecret(tx, { owner: endpoint.id, secret, graceMs: 0, now });
      return 'created';
    },
  };
}

export function updateEndpointWrite({
  id,
  tenant,
  change,
  now: callersNow,
}: Params<'updateEndpoint'>): SqlWrite<Outcome<'updateEndpoint'>> {
  return {
    callersNow,
    hasReady: change.enabled === true,
    needs: ({ endpoints }) => endpoints.ids.add(id),
    execute: async ({ webhooks }, now) => {
      const entry = await find(webhooks, id);
      if (entry?.removedAt !== null || entry.endpoint.tenant !== tenant) return null;
      const before = entry.endpoint;
      const after = changedEndpoint(before, change, now);
      if (after === before) return before;
      webhooks.endpoints.change(entry, after);
      if ((before.disabled === null) !== (after.disabled === null)) {
        await alignAll(webhooks, entry, now);
      }
      return after;
    },
  };
}

export function removeEndpointWrite({
  id,
  tenant,
  now: callersNow,
}: Params<'removeEndpoint'>): SqlWrite<Outcome<'removeEndpoint'>> {
  return {
    callersNow,
    needs: ({ endpoints }) => endpoints.ids.add(id),
    execute: async ({ webhooks }, now) => {
      const { tx, endpoints } = webhooks;
      const entry = await find(webhooks, id);
      if (entry?.removedAt !== null || entry.endpoint.tenant !== tenant) return 'missing';
      removeSecrets(tx, id);
      if ((await tx.all(withoutDeliveriesSql, textArray([id]))).length > 0) {
        endpoints.forget([entry]);
        return 'removed';
      }
      endpoints.remove(entry, now);
      await alignAll(webhooks, entry, now);
      return 'removed';
    },
  };
}

async function find({ endpoints }: WebhookSet, id: string): Promise<EndpointEntry | undefined> {
  await endpoints.lockMore({ ids: new Set([id]), deliveryIds: new Set(), requests: new Map() });
  return endpoints.find(id);
}

export async function readEndpoint(
  database: Queries,
  id: string,
): Promise<EndpointWithCounts | null> {
  const [row] = await database.all(readEndpointSql, id);
  if (row === undefined) return null;
  const [waiting, held, dead] = row.slice(endpointColumnCount) as [number, number, number];
  return { endpoint: endpointOf(row), waiting, held, dead };
}

export async function listEndpoints(
  database: Queries,
  { tenant, kind, limit, beforeId }: Params<'listEndpoints'>,
): Promise<EndpointPage> {
  const sql =
    kind === undefined
      ? listEndpointsSql
      : kind === 'registered'
        ? listRegisteredSql
        : listRequestSql;
  const rows = await database.read((tx) => tx.all(sql, tenant, beforeId ?? idMax, limit + 1));
  const endpoints = rows.slice(0, limit).map(endpointOf);
  const nextBeforeId = rows.length > limit ? (endpoints.at(-1)?.id ?? null) : null;
  return { endpoints, nextBeforeId };
}
