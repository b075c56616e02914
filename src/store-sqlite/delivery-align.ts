import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Delivery } from '../core/delivery.ts';
import { deliveryOf } from '../store/delivery-rows.ts';
import type { Row, WriteConnection, WriteStatement } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import { deliveryRowColumns, deliveryRowOf } from './delivery-rows.ts';
import type { EndpointEntry } from './endpoint-entry.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';

/**
 * When an endpoint is disabled, enabled or removed, its waiting deliveries are held, released or
 * cancelled in the same commit. One UPDATE does it, because core decides the same for all of them
 * as for the first. They take 3 µs each, so beyond `alignedMax` the rest is left to the sweeps that
 * follow. Until then nothing is sent that must not be, because the endpoint is in no lane.
 */
const pendingSource = 'deliveries INDEXED BY deliveries_pending WHERE next_at IS NOT NULL';
const heldSource = "deliveries INDEXED BY deliveries_held WHERE state = 'held'";

const selectSql = (source: string): string => `
SELECT ${deliveryRowColumns}
FROM ${source}
  AND endpoint_seq = ?
LIMIT ? + 0`;

const moveSql = (source: string): string => `
UPDATE deliveries
SET state = ?,
    version = version + 1,
    next_at = ?,
    next_reason = ?,
    finished_at = ?,
    remove_at = ?
WHERE seq IN (
  SELECT seq
  FROM ${source}
    AND endpoint_seq = ?
  LIMIT ? + 0
)`;

export const pendingOfEndpointSql = selectSql(pendingSource);
export const heldOfEndpointSql = selectSql(heldSource);
export const movePendingSql = moveSql(pendingSource);
export const moveHeldSql = moveSql(heldSource);

/** 60 ms of one commit. */
const alignedMax = 20_000;

export type Align = {
  /** Aligns all deliveries of the endpoint in this commit, up to `alignedMax` of each source. */
  readonly all: (entry: EndpointEntry, now: number) => void;
  /** Aligns at most `limit` of the deliveries that were left, one by one, and returns them. */
  readonly some: (entry: EndpointEntry, now: number, limit: number) => Delivery[];
};

type Source = { readonly select: WriteStatement; readonly move: WriteStatement };

export function prepareAlign(
  writer: WriteConnection,
  endpoints: EndpointLedger,
  deliveries: Deliveries,
): Align {
  const source = (selectSql: string, moveSql: string): Source => ({
    select: writer.prepare(selectSql),
    move: writer.prepare(moveSql),
  });
  const pending = source(pendingOfEndpointSql, movePendingSql);
  const held = source(heldOfEndpointSql, moveHeldSql);

  function sourcesOf({ removedAt, endpoint }: EndpointEntry): readonly Source[] {
    if (removedAt !== null) return [pending, held];
    return endpoint.disabled === null ? [held] : [pending];
  }

  /** Applies to all what core decides for the first; returns how many there were. */
  function move({ select, move }: Source, entry: EndpointEntry, now: number): number {
    const [row] = select.all(entry.seq, 1);
    if (row === undefined) return 0;
    const endpoint = entry.removedAt === null ? entry.endpoint : null;
    const decision = decideAtEndpoint(deliveryOf(row), eventOf(entry), { endpoint, now });
    if (decision.outcome !== 'applied') return 0;
    const { state, nextAt, nextReason, finishedAt, removeAt } = decision.delivery;
    endpoints.ahead.drop(entry.seq);
    return move.runCounted(state, nextAt, nextReason, finishedAt, removeAt, entry.seq, alignedMax);
  }

  return {
    all: (entry, now) => {
      endpoints.unwritten.writeOf(entry.seq);
      let isBehind = false;
      for (const source of sourcesOf(entry)) {
        if (move(source, entry, now) === alignedMax) isBehind = true;
      }
      endpoints.behind(entry, isBehind);
      endpoints.touch(entry, now);
    },
    some: (entry, now, limit) => {
      endpoints.unwritten.writeOf(entry.seq);
      const rows: Row[] = [];
      for (const { select } of sourcesOf(entry)) {
        rows.push(...select.all(entry.seq, limit - rows.length));
      }
      endpoints.behind(entry, rows.length >= limit);
      return rows.map((row) => deliveries.apply(deliveryRowOf(row), eventOf(entry), now).delivery);
    },
  };
}

function eventOf({ removedAt, endpoint }: EndpointEntry) {
  if (removedAt !== null) return { type: 'discarded' } as const;
  return { type: endpoint.disabled === null ? 'released' : 'held' } as const;
}
