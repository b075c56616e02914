import { afterAttempt } from '../core/endpoint-health.ts';
import type { DeliverySettlement } from '../store/delivery-store.ts';
import type { SettleOutcome } from '../store/store.ts';
import { dueAt } from './create.ts';
import { alignAll } from './delivery-align.ts';
import type { StepWrite } from './group-commit.ts';
import type { WebhookSet } from './webhook-set.ts';

type Settle = { readonly settlements: readonly DeliverySettlement[]; readonly now: number };

export function settleDeliveriesWrite(p: Settle): StepWrite<SettleOutcome[]> {
  const ids = p.settlements.map(({ id }) => id);
  return {
    callersNow: p.now,
    isLoose: true,
    needs: ({ endpoints, deliveryIds }) => {
      for (const id of ids) {
        endpoints.deliveryIds.add(id);
        deliveryIds.add(id);
      }
    },
    step: async ({ webhooks }, now) => {
      const outcomes: SettleOutcome[] = [];
      for (const settlement of p.settlements) {
        const { next } = settlement;
        const at = next && { ...next, at: dueAt(next.at, p.now, now) };
        outcomes.push(await settle(webhooks, { ...settlement, next: at }, now));
      }
      return outcomes;
    },
    bytes: p.settlements.reduce((sum, { result }) => sum + JSON.stringify(result).length, 0),
  };
}

/**
 * The health of the endpoint is changed first: if this very attempt disables the endpoint, the
 * delivery is held as well.
 */
async function settle(set: WebhookSet, p: DeliverySettlement, now: number): Promise<SettleOutcome> {
  const { endpoints, deliveries } = set;
  await deliveries.load([p.id]);
  const delivery = deliveries.find(p.id);
  if (delivery === undefined || delivery.delivery.lease?.token !== p.token) return 'lost';
  const { id: deliveryId, token, result, next } = p;
  const to = endpoints.get(delivery.delivery.endpointId);
  const wasEnabled = to.endpoint.disabled === null;
  if (to.removedAt === null) {
    endpoints.change(to, afterAttempt(to.endpoint, { deliveryId, result }, now));
  }
  deliveries.apply(delivery, { type: 'ended', token, result, next }, now);
  if (wasEnabled && to.endpoint.disabled !== null) await alignAll(set, to, now);
  return 'applied';
}
