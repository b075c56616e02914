import type { Delivery } from './delivery.ts';
import { gateStands } from './endpoint-health.ts';
import type { Endpoint, EndpointDisabled } from './endpoint.ts';

/**
 * The instant before which nothing is sent, and the reason, for people. `at` null: until somebody
 * or something else acts.
 */
export type Wait = { readonly at: number | null; readonly reason: string | null };

const noWait: Wait = Object.freeze({ at: null, reason: null });

const disabledBecause: Readonly<Record<EndpointDisabled['reason'], string>> = {
  manual: 'by hand',
  gone: 'it answered 410',
  requested: 'its answer asked for it',
  failing: 'it did nothing but fail',
  no_consent: 'its consent is awaited',
};

/** What delays every delivery to `endpoint` at `now`; both members null: nothing does. */
export function endpointWait(endpoint: Endpoint, now: number): Wait {
  const { disabled, health } = endpoint;
  if (disabled !== null) {
    const why = disabled.reason === 'no_consent' ? endpoint.handshake?.detail : null;
    const detail = why === null || why === undefined ? '' : ` (${why})`;
    return { at: null, reason: `endpoint disabled: ${disabledBecause[disabled.reason]}${detail}` };
  }
  const { gateAt } = health;
  if (gateAt === null || !gateStands(gateAt, now)) return noWait;
  return { at: gateAt, reason: gateReason(endpoint) };
}

function gateReason({ health, handshake }: Endpoint): string {
  if (health.gateReason === 'retry_after') return 'Retry-After of the endpoint';
  if (health.gateReason === 'allowed_rate') {
    return `the endpoint allows ${handshake?.perMinute ?? 'so many'} a minute`;
  }
  return `circuit open after ${health.failures} failures, probe ${health.probes + 1}`;
}

/**
 * When `delivery` is sent next, and why not sooner: the later of its own time and its endpoint's.
 * `endpoint` null: it was removed, or not read because the delivery cannot be waiting for it (see
 * needsEndpoint).
 */
export function deliveryWait(delivery: Delivery, endpoint: Endpoint | null, now: number): Wait {
  if (!needsEndpoint(delivery)) return noWait;
  const own = { at: delivery.nextAt, reason: delivery.nextReason };
  const held = delivery.state === 'held' ? { at: null, reason: 'endpoint disabled' } : own;
  if (endpoint === null) return held;
  const wait = endpointWait(endpoint, now);
  if (delivery.state === 'held') return wait.at === null && wait.reason !== null ? wait : held;
  return wait.at !== null && wait.at > (own.at ?? 0) ? wait : own;
}

/**
 * Whether `delivery` may be waiting for its endpoint. Those that are being sent or are final need
 * no look at it.
 */
export function needsEndpoint({ state }: Delivery): boolean {
  return state === 'pending' || state === 'held';
}
