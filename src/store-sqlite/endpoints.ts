import { limits } from '../core/limits.ts';
import { changedEndpoint } from '../store/changed-endpoint.ts';
import type { DeliveryStore, EndpointPage, EndpointWithCounts } from '../store/delivery-store.ts';
import { endpointColumns } from '../store/endpoint-rows.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';
import type { Align } from './delivery-align.ts';
import type { EndpointEntry } from './endpoint-entry.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { endpointOf, endpointRowColumns, endpointSeqOf } from './endpoint-rows.ts';
import type { SecretWrites } from './secrets.ts';
import type { UnwrittenDeliveries } from './unwritten-deliveries.ts';

/** Endpoints as people see and change them. How attempts change them is in delivery-settle.ts. */
export const readEndpointSql = `
SELECT ${endpointRowColumns}
FROM endpoints
WHERE id = ?
  AND removed_at IS NULL`;

export const listEndpointsSql = `
SELECT ${endpointColumns}
FROM endpoints
WHERE removed_at IS NULL
  AND tenant = ?
  AND id < ?
ORDER BY id DESC
LIMIT ? + 0`;

export const listRegisteredSql = `
SELECT ${endpointColumns}
FROM endpoints
WHERE kind = 'registered'
  AND removed_at IS NULL
  AND tenant = ?
  AND id < ?
ORDER BY id DESC
LIMIT ? + 0`;

/** Walks past the registered endpoints of the tenant, limits.endpointsMax at most. */
export const listRequestSql = `
SELECT ${endpointColumns}
FROM endpoints INDEXED BY endpoints_tenant
WHERE removed_at IS NULL
  AND tenant = ?
  AND id < ?
  AND kind = 'request'
ORDER BY id DESC
LIMIT ? + 0`;

const countOf = (condition: string): string => `
  (SELECT count(*) FROM (
    SELECT 1 FROM deliveries WHERE endpoint_seq = ?1 AND ${condition} LIMIT ${limits.deliveryCountMax}
  ))`;

export const countsOfEndpointSql = `
SELECT ${['next_at IS NOT NULL', "state = 'held'", "state = 'dead'"].map(countOf).join(',')}`;

export const hasDeliverySql = `
SELECT 1
FROM deliveries
WHERE endpoint_seq = ?
LIMIT 1`;

/** Sorts after every id. */
const idMax = 'ep_~';

type Params<Verb extends keyof DeliveryStore> = Parameters<DeliveryStore[Verb]>[0];
type Outcome<Verb extends keyof DeliveryStore> = Awaited<ReturnType<DeliveryStore[Verb]>>;

export type EndpointWrites = {
  readonly create: (p: Params<'createEndpoint'>) => Outcome<'createEndpoint'>;
  readonly update: (p: Params<'updateEndpoint'>) => Outcome<'updateEndpoint'>;
  readonly remove: (p: Params<'removeEndpoint'>) => Outcome<'removeEndpoint'>;
};

export function prepareEndpointWrites(
  writer: WriteConnection,
  endpoints: EndpointLedger,
  p: { readonly align: Align; readonly secrets: SecretWrites },
): EndpointWrites {
  const { align, secrets } = p;
  const hasDelivery = writer.prepare(hasDeliverySql);

  function find(id: string, tenant: string): EndpointEntry | undefined {
    const entry = endpoints.find(id);
    const isThere = entry?.removedAt === null && entry.endpoint.tenant === tenant;
    return isThere ? entry : undefined;
  }

  return {
    create: ({ endpoint, secret, now }) => {
      const isFull = endpoints.registered.count(endpoint.tenant) >= limits.endpointsMax;
      if (endpoint.kind === 'registered' && isFull) return 'full';
      endpoints.insert(endpoint, now);
      if (secret !== null) secrets.rotate({ owner: endpoint.id, secret, graceMs: 0, now });
      return 'created';
    },
    update: ({ id, tenant, change, now }) => {
      const entry = find(id, tenant);
      if (entry === undefined) return null;
      const before = entry.endpoint;
      const after = changedEndpoint(before, change, now);
      if (after === before) return before;
      endpoints.change(entry, { endpoint: after, now });
      if ((before.disabled === null) !== (after.disabled === null)) {
        align.all(entry, now);
      }
      return after;
    },
    remove: ({ id, tenant, now }) => {
      const entry = find(id, tenant);
      if (entry === undefined) return 'missing';
      secrets.remove(id);
      if (hasDelivery.first(entry.seq) === undefined) {
        endpoints.forget(entry);
        return 'removed';
      }
      endpoints.remove(entry, now);
      align.all(entry, now);
      return 'removed';
    },
  };
}

export type EndpointReads = {
  readonly read: (id: string) => EndpointWithCounts | null;
  readonly list: (p: Params<'listEndpoints'>) => EndpointPage;
};

export function prepareEndpointReads(
  reader: ReadConnection,
  unwritten: UnwrittenDeliveries,
): EndpointReads {
  const read = reader.prepare(readEndpointSql);
  const counts = reader.prepare(countsOfEndpointSql);
  const lists = {
    all: reader.prepare(listEndpointsSql),
    registered: reader.prepare(listRegisteredSql),
    request: reader.prepare(listRequestSql),
  };
  return {
    read: (id) => {
      const row = read.first(id);
      if (row === undefined) return null;
      const seq = endpointSeqOf(row);
      const [waiting, held, dead] = (counts.first(seq) ?? []) as number[];
      return {
        endpoint: endpointOf(row),
        // Rows in flight whose state is unwritten still count as pending in the file; they are
        // subtracted. The count stops at limits.deliveryCountMax.
        waiting: Math.max(0, (waiting ?? 0) - unwritten.shownOf(seq)),
        held: held ?? 0,
        dead: dead ?? 0,
      };
    },
    list: ({ tenant, kind, limit, beforeId }) => {
      const rows = lists[kind ?? 'all'].all(tenant, beforeId ?? idMax, limit + 1);
      const endpoints = rows.slice(0, limit).map(endpointOf);
      const nextBeforeId = rows.length > limit ? (endpoints.at(-1)?.id ?? null) : null;
      return { endpoints, nextBeforeId };
    },
  };
}
