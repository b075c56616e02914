import { afterAttempt } from '../core/endpoint-health.ts';
import type { DeliverySettlement } from '../store/delivery-store.ts';
import type { SettleOutcome } from '../store/store.ts';
import type { Deliveries } from './deliveries.ts';
import type { Align } from './delivery-align.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';

export type SettleDeliveries = (p: {
  readonly settlements: readonly DeliverySettlement[];
  readonly now: number;
}) => SettleOutcome[];

/** The health of the endpoint goes first: one that this very attempt disables holds the delivery as well. */
export function prepareSettleDeliveries(
  endpoints: EndpointLedger,
  p: { readonly deliveries: Deliveries; readonly align: Align },
): SettleDeliveries {
  const { deliveries, align } = p;

  function settle(p: DeliverySettlement, now: number): SettleOutcome {
    const row = deliveries.find(p.id);
    if (row?.delivery.lease?.token !== p.token) return 'lost';
    const { id: deliveryId, token, result, next } = p;
    const entry = endpoints.bySeq(row.endpointSeq);
    const wasEnabled = entry.endpoint.disabled === null;
    if (entry.removedAt === null) {
      endpoints.change(entry, afterAttempt(entry.endpoint, { deliveryId, result }, now), now);
    }
    deliveries.apply(row, { type: 'ended', token, result, next }, now);
    if (wasEnabled && entry.endpoint.disabled !== null) {
      align.all(entry, now);
    }
    return 'applied';
  }

  return ({ settlements, now }) => settlements.map((settlement) => settle(settlement, now));
}
