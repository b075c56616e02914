import { decideDelivery, type DeliveryDecision } from './delivery.ts';
import type { Delivery, DeliveryTransition } from './delivery.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * decideDelivery() with a look at the endpoint as it stands after the event: nothing waits to be sent to one that
 * is disabled, which holds it, or removed, which cancels it. The version counts up once all the same.
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
