import type { AttemptResult } from './delivery.ts';
import type { Endpoint, EndpointHealth } from './endpoint.ts';
import { limits } from './limits.ts';

/**
 * How attempts change the health of their endpoint, as pure functions. The circuit opens after
 * limits.circuitFailures failures in a row over at least two deliveries. Then nothing is sent until
 * the pause is over, then one attempt, the probe. A failed probe makes the next pause longer; a
 * success closes the circuit and lets 1, 2, 4 … attempts be in flight. An answer that rejects only
 * one message (404, 422 …) neither opens nor closes the circuit.
 */
const second = 1_000;
const minute = 60 * second;
export const probePausesMs = [
  30 * second,
  minute,
  2 * minute,
  4 * minute,
  8 * minute,
  15 * minute,
] as const;

/**
 * Where the ramp after an outage ends, and the value of a healthy endpoint: far above what a claim
 * allows (`endpointInFlightMax`), which is then the only limit.
 */
export const healthyInFlight = 1_024;

export const newHealth: EndpointHealth = Object.freeze({
  circuit: 'closed',
  failures: 0,
  firstFailedDelivery: null,
  severalFailed: false,
  probes: 0,
  gateAt: null,
  gateReason: null,
  inFlightMax: healthyInFlight,
  failingSince: null,
  lastSuccessAt: null,
  lastFailureAt: null,
});

/** The endpoint after an attempt of `deliveryId` ended with `result` at `now`. Never mutates. */
export function afterAttempt(
  endpoint: Endpoint,
  p: { readonly deliveryId: string; readonly result: AttemptResult },
  now: number,
): Endpoint {
  const { result } = p;
  const health = result.delivered
    ? succeeded(endpoint.health, now)
    : failedOnce(endpoint.health, p, now);
  const gated = withRetryAfter(health, result.retryAfterAt, now);
  if (endpoint.disabled !== null) return { ...endpoint, health: gated };
  const reason = result.disable ?? (hasFailedTooLong(gated, now) ? 'failing' : null);
  if (reason === null) return { ...endpoint, health: gated };
  return {
    ...endpoint,
    health: gated,
    disabled: { reason, at: now },
    version: endpoint.version + 1,
  };
}

/**
 * The endpoint after an attempt to it was begun: one that allows a number of deliveries a minute
 * gets the next when its turn comes.
 */
export function afterClaim(endpoint: Endpoint, now: number): Endpoint {
  const perMinute = endpoint.handshake?.perMinute ?? null;
  if (perMinute === null) return endpoint;
  const gate = { gateAt: now + Math.ceil(minute / perMinute), gateReason: 'allowed_rate' } as const;
  return { ...endpoint, health: withGate(endpoint.health, gate, now) };
}

/**
 * The endpoint after a person enabled it: its failures are forgotten, and the first attempt is a
 * single one.
 */
export function enabledAgain(endpoint: Endpoint): Endpoint {
  if (endpoint.disabled === null) return endpoint;
  const { lastSuccessAt, lastFailureAt } = endpoint.health;
  return {
    ...endpoint,
    disabled: null,
    health: { ...newHealth, inFlightMax: 1, lastSuccessAt, lastFailureAt },
    version: endpoint.version + 1,
  };
}

/**
 * Attempts that may be in flight to the endpoint at `now`: at most `inFlightMax` when it is
 * healthy, 0 when none may.
 */
export function inFlightAllowed(endpoint: Endpoint, inFlightMax: number, now: number): number {
  const { health, disabled } = endpoint;
  if (disabled !== null) return 0;
  if (health.gateAt !== null && gateStands(health.gateAt, now)) return 0;
  return health.circuit === 'open' ? 1 : Math.min(health.inFlightMax, inFlightMax);
}

/**
 * Whether the gate still blocks. A gate further ahead than any legal one comes from a wrong clock,
 * so it does not.
 */
export function gateStands(gateAt: number, now: number): boolean {
  return gateAt > now && gateAt <= now + limits.retryAfterGateMsMax;
}

function succeeded(health: EndpointHealth, now: number): EndpointHealth {
  const wasOpen = health.circuit === 'open';
  const inFlightMax = wasOpen ? 1 : Math.min(health.inFlightMax * 2, healthyInFlight);
  const { gateAt, gateReason, lastFailureAt } = health;
  const closed = { ...newHealth, inFlightMax, lastSuccessAt: now, lastFailureAt };
  // An earlier answer asked us to come back later. This attempt was already under way then, so its
  // success does not lift that gate.
  const stays = gateReason !== 'circuit_open' && gateAt !== null && gateStands(gateAt, now);
  return stays ? { ...closed, gateAt, gateReason } : closed;
}

function failedOnce(
  health: EndpointHealth,
  p: { readonly deliveryId: string; readonly result: AttemptResult },
  now: number,
): EndpointHealth {
  const failing = { ...health, failingSince: health.failingSince ?? now, lastFailureAt: now };
  if (!p.result.endpointFault) return failing;
  const first = health.firstFailedDelivery ?? p.deliveryId;
  const counted = {
    ...failing,
    failures: health.failures + 1,
    firstFailedDelivery: first,
    severalFailed: health.severalFailed || first !== p.deliveryId,
  };
  const wasOpen = health.circuit === 'open';
  const opens = counted.failures >= limits.circuitFailures && counted.severalFailed;
  if (!wasOpen && !opens) return counted;
  // Attempts that were in flight when the circuit opened are no probes: they end while the gate
  // still blocks.
  const isProbe = wasOpen && !isKeptBack(health, now);
  if (wasOpen && !isProbe) return counted;
  const probes = wasOpen ? health.probes + 1 : 0;
  const pauseMs = probePausesMs[Math.min(probes, probePausesMs.length - 1)] ?? minute;
  const opened = { ...counted, circuit: 'open', probes, inFlightMax: 1 } as const;
  return withGate(opened, { gateAt: now + pauseMs, gateReason: 'circuit_open' }, now);
}

/**
 * Whether a gate still blocks attempts. The gate of the endpoint's allowed rate does not count: it
 * is set whenever an attempt begins, even the probe.
 */
function isKeptBack({ gateAt, gateReason }: EndpointHealth, now: number): boolean {
  return gateReason !== 'allowed_rate' && gateAt !== null && gateStands(gateAt, now);
}

function withRetryAfter(health: EndpointHealth, at: number | null, now: number): EndpointHealth {
  if (at === null || at <= now) return health;
  const gateAt = Math.min(at, now + limits.retryAfterGateMsMax);
  return withGate(health, { gateAt, gateReason: 'retry_after' }, now);
}

/**
 * The later gate wins: our pause does not shorten what the endpoint asked for, nor the other way
 * round.
 */
function withGate(
  health: EndpointHealth,
  gate: {
    readonly gateAt: number;
    readonly gateReason: NonNullable<EndpointHealth['gateReason']>;
  },
  now: number,
): EndpointHealth {
  const { gateAt } = health;
  const stays = gateAt !== null && gateAt >= gate.gateAt && gateStands(gateAt, now);
  return stays ? health : { ...health, ...gate };
}

/**
 * Whether there were only failures, of whatever kind, for limits.failingMsMax: longer than a bad
 * afternoon.
 */
function hasFailedTooLong(health: EndpointHealth, now: number): boolean {
  return health.failingSince !== null && now - health.failingSince >= limits.failingMsMax;
}
