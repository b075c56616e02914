import { smallestDeliveryIdAt, smallestIdAt } from '../core/id.ts';
import type { ListDeliveries } from './delivery-store.ts';
import type { ListOperations } from './operation-store.ts';

/**
 * The range of ids on a page of a list: below `upper`, not below `lower`. A filter's times become
 * ids, because ids sort by time.
 */
export type PageBounds = readonly [upper: string, lower: string];

export function operationBounds(p: Pick<ListOperations, 'filter' | 'beforeId'>): PageBounds {
  return bounds(p, smallestIdAt, 'op_~');
}

export function deliveryBounds(p: Pick<ListDeliveries, 'filter' | 'beforeId'>): PageBounds {
  return bounds(p, smallestDeliveryIdAt, 'msg_~');
}

function bounds(
  p: {
    readonly filter: { readonly since?: number | undefined; readonly until?: number | undefined };
    readonly beforeId: string | null;
  },
  idAt: (ms: number) => string,
  /** Sorts after every id. */
  idMax: string,
): PageBounds {
  const { since, until } = p.filter;
  const untilId = until === undefined ? idMax : idAt(until);
  const upper = p.beforeId !== null && p.beforeId < untilId ? p.beforeId : untilId;
  return [upper, since === undefined ? '' : idAt(since)];
}
