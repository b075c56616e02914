import type { Delivery } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { NewDelivery } from './delivery-store.ts';

/** The record of a delivery as it stands right after its creation; `endpoint` is the one that is kept. */
export function newDelivery(p: NewDelivery, endpoint: Endpoint, now: number): Delivery {
  const held = endpoint.disabled !== null;
  return {
    id: p.id,
    tenant: p.tenant,
    endpointId: endpoint.id,
    operationId: p.operationId,
    event: p.event,
    url: p.url,
    state: held ? 'held' : 'pending',
    version: 1,
    createdAt: now,
    attempts: 0,
    failures: 0,
    failuresMax: p.failuresMax,
    nextAt: held ? null : now,
    nextReason: held ? null : 'at once',
    trigger: 'schedule',
    lease: null,
    lastStatus: null,
    lastError: null,
    expiresAt: p.expiresAt,
    finishedAt: null,
    removeAt: null,
  };
}
