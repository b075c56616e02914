import { afterAttempt } from '../core/endpoint-health.ts';
import type { DeliverySettlement } from '../store/delivery-store.ts';
import type { SettleOutcome } from '../store/store.ts';
import type { Deliveries } from './deliveries.ts';
import type { Align } from './delivery-align.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import type { EndBatch } from './unwritten-deliveries.ts';

/**
 * The outcome of each settlement, and the batches of ends that must be over before it may be
 * reported.
 */
export type Settled = { readonly outcomes: SettleOutcome[]; readonly batches: EndBatch[] };

export type SettleDeliveries = (p: {
  readonly settlements: readonly DeliverySettlement[];
  readonly now: number;
}) => Settled;

/**
 * The health of the endpoint is changed first: if this very attempt disables the endpoint, the
 * delivery is held as well.
 */
export function prepareSettleDeliveries(
  endpoints: EndpointLedger,
  p: { readonly deliveries: Deliveries; readonly align: Align },
): SettleDeliveries {
  const { deliveries, align } = p;

  function settle(p: DeliverySettlement, now: number, batches: EndBatch[]): SettleOutcome {
    const row = deliveries.find(p.id);
    if (row?.delivery.lease?.token !== p.token) return 'lost';
    const { id: deliveryId, token, result, next } = p;
    const entry = endpoints.bySeq(row.endpointSeq);
    const wasEnabled = entry.endpoint.disabled === null;
    const event = { type: 'ended', token, result, next } as const;
    const batch = deliveries.delivered(row, event, now);
    if (batch !== undefined && batch !== batches.at(-1)) batches.push(batch);
    if (entry.removedAt === null) {
      const endpoint = afterAttempt(entry.endpoint, { deliveryId, result }, now);
      endpoints.change(entry, { endpoint, now, isLater: batch !== undefined });
    }
    if (batch === undefined) deliveries.apply(row, event, now);
    if (wasEnabled && entry.endpoint.disabled !== null) {
      align.all(entry, now);
    }
    return 'applied';
  }

  return ({ settlements, now }) => {
    const batches: EndBatch[] = [];
    const outcomes = settlements.map((settlement) => settle(settlement, now, batches));
    // All that one call tells is stored, or nothing of it.
    if (settlements.length > 1 && batches.length > 0) endpoints.unwritten.writeEnds();
    return { outcomes, batches };
  };
}
