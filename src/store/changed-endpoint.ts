import { consentAwaited, type Endpoint, type EndpointHandshake } from '../core/endpoint.ts';
import { enabledAgain } from '../core/endpoint-health.ts';
import type { EndpointChange } from './delivery-store.ts';

/**
 * Returns `endpoint` after a change by a person, or after an answer to its handshake. The version
 * counts up by one, but not when nothing was given or when a lone `enabled` changes nothing. An
 * endpoint that is already disabled keeps its former reason. A new address must consent anew;
 * without consent the endpoint is disabled, whatever `enabled` says.
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
  const handshake = changedHandshake(endpoint, change);
  const turned = enabled === undefined ? endpoint : switched(endpoint, enabled, now);
  const isSame = Object.keys(told).length === 0 && handshake === endpoint.handshake;
  if (isSame && turned === endpoint) return endpoint;
  const changed = withConsent({ ...turned, ...told, handshake }, now);
  return { ...changed, version: endpoint.version + 1 };
}

function switched(endpoint: Endpoint, enabled: boolean, now: number): Endpoint {
  const { disabled } = endpoint;
  const lacksConsent = disabled?.reason === 'no_consent';
  if (enabled) return lacksConsent ? endpoint : enabledAgain(endpoint);
  if (disabled !== null && !lacksConsent) return endpoint;
  return { ...endpoint, disabled: { reason: 'manual', at: now } };
}

function changedHandshake(
  { url, handshake }: Endpoint,
  change: EndpointChange,
): EndpointHandshake | null {
  const asked = change.handshake;
  if (asked === null) return null;
  if (asked === 'asked') return handshake ?? consentAwaited;
  const isMoved = change.url !== undefined && change.url.url !== url;
  if (handshake === null || isMoved) return handshake && consentAwaited;
  // An answer that came from the former address says nothing about the new one.
  if (asked === undefined || asked.url !== url) return handshake;
  const { consents, askedAt, detail, perMinute } = asked;
  if (consents === null) return { ...handshake, askedAt, detail };
  return consents
    ? { state: 'given', askedAt, detail: null, perMinute }
    : { state: 'awaited', askedAt, detail, perMinute: null };
}

function withConsent(endpoint: Endpoint, now: number): Endpoint {
  const { disabled, handshake } = endpoint;
  const lacksConsent = handshake?.state === 'awaited';
  if (lacksConsent && disabled === null) {
    return { ...endpoint, disabled: { reason: 'no_consent', at: now } };
  }
  return !lacksConsent && disabled?.reason === 'no_consent' ? enabledAgain(endpoint) : endpoint;
}
