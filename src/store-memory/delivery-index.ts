import type { Delivery } from '../core/delivery.ts';
import { smallestDeliveryIdAt } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryFilter, DeliveryPage, ListDeliveries } from '../store/delivery-store.ts';
import { OrderedIds } from './ordered-ids.ts';

/** The deliveries in order, for lists. */
export class DeliveryIndex {
  readonly #kept: ReadonlyMap<string, { readonly delivery: Delivery }>;
  readonly #ids: OrderedIds;

  constructor(kept: ReadonlyMap<string, { readonly delivery: Delivery }>) {
    this.#kept = kept;
    this.#ids = new OrderedIds(kept);
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  page(p: ListDeliveries): DeliveryPage {
    const { values, nextBeforeId } = this.#find(p.filter, {
      limit: p.limit,
      scanMax: limits.pageScanRows,
      beforeId: p.beforeId,
    });
    return { deliveries: values, nextBeforeId };
  }

  count(filter: DeliveryFilter): number {
    const all = { limit: limits.deliveryCountMax, scanMax: Infinity, beforeId: null };
    return this.#find(filter, all).values.length;
  }

  #find(
    filter: DeliveryFilter,
    p: { limit: number; scanMax: number; beforeId: string | null },
  ): { values: Delivery[]; nextBeforeId: string | null } {
    const { since, until } = filter;
    return this.#ids.page({
      limit: p.limit,
      scanMax: p.scanMax,
      before: [p.beforeId, until === undefined ? null : smallestDeliveryIdAt(until)],
      floor: since === undefined ? undefined : smallestDeliveryIdAt(since),
      find: (id) => {
        const delivery = this.#kept.get(id)?.delivery;
        return delivery !== undefined && matches(delivery, filter) ? delivery : null;
      },
    });
  }
}

function matches(delivery: Delivery, filter: DeliveryFilter): boolean {
  const { tenant, states, endpointId, operationId, event, error } = filter;
  return (
    (tenant === undefined || delivery.tenant === tenant) &&
    (states === undefined || states.includes(delivery.state)) &&
    (endpointId === undefined || delivery.endpointId === endpointId) &&
    (operationId === undefined || delivery.operationId === operationId) &&
    (event === undefined || delivery.event === event) &&
    (error === undefined || delivery.lastError === error)
  );
}
