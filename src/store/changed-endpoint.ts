import type { Endpoint } from '../core/endpoint.ts';
import { enabledAgain } from '../core/endpoint-health.ts';
import type { EndpointChange } from './delivery-store.ts';

/**
 * `endpoint` after a person's change. The version counts up once, and not at all when nothing was given or a
 * lone `enabled` says what is so already; who is disabled already stays so for the reason it was.
 */
export function changedEndpoint(endpoint: Endpoint, change: EndpointChange, now: number): Endpoint {
  const { url, events, tasks, headers, description, enabled } = change;
  const told = {
    ...url,
    ...(events !== undefined && { events }),
    ...(tasks !== undefined && { tasks }),
    ...(headers !== undefined && { headers }),
    ...(description !== undefined && { description }),
  };
  const turned = enabled === undefined ? endpoint : switched(endpoint, enabled, now);
  if (Object.keys(told).length === 0 && turned === endpoint) return endpoint;
  return { ...turned, ...told, version: endpoint.version + 1 };
}

function switched(endpoint: Endpoint, enabled: boolean, now: number): Endpoint {
  if (enabled) return enabledAgain(endpoint);
  if (endpoint.disabled !== null) return endpoint;
  return { ...endpoint, disabled: { reason: 'manual', at: now } };
}
