import { decideDelivery, type DeliveryDecision } from './delivery.ts';
import type { Delivery, DeliveryTransition } from './delivery.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * decideDelivery() that also considers the endpoint as it stands after the event. A disabled
 * endpoint holds its pending deliveries, a removed one cancels them. The version still counts up
 * only once.
 */
export function decideAtEndpoint(
  delivery: Delivery,
  event: DeliveryTransition,
  p: { /** null: removed. */ readonly endpoint: Endpoint | null; readonly now: number },
): DeliveryDecision {
  if (event.type === 'redelivered' && p.endpoint === null) return { outcome: 'unchanged' };
  const decision = decideDelivery(delivery, event, p.now);
  if (decision.outcome !== 'applied' || decision.delivery.state !== 'pending') return decision;
  if (p.endpoint !== null && p.endpoint.disabled === null) return decision;
  const kept = decideDelivery(
    decision.delivery,
    { type: p.endpoint === null ? 'discarded' : 'held' },
    p.now,
  );
  if (kept.outcome !== 'applied') return decision;
  return {
    outcome: 'applied',
    delivery: { ...kept.delivery, version: decision.delivery.version },
    attempt: decision.attempt && { ...decision.attempt, nextAt: null, nextReason: null },
  };
}
