import type { Delivery } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { NewDelivery } from './delivery-store.ts';

/** The record of a delivery as it stands right after it was made: due at once, or held as its endpoint is disabled. */
export function newDelivery(p: NewDelivery, endpoint: Endpoint, now: number): Delivery {
  const isHeld = endpoint.disabled !== null;
  return {
    id: p.id,
    tenant: p.tenant,
    endpointId: p.endpointId,
    operationId: p.operationId,
    event: p.event,
    url: p.url,
    state: isHeld ? 'held' : 'pending',
    version: 1,
    createdAt: now,
    attempts: 0,
    failures: 0,
    failuresMax: p.failuresMax,
    nextAt: isHeld ? null : now,
    nextReason: isHeld ? null : 'first attempt',
    trigger: 'schedule',
    lease: null,
    lastStatus: null,
    lastError: null,
    expiresAt: p.expiresAt,
    finishedAt: null,
    removeAt: null,
  };
}
