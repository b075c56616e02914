import type { WebhookEvent } from './delivery.ts';

/**
 * Where deliveries go. Registered ones are made through the API and get every event they ask for; those of
 * kind `request` come into being with the first operation that names their address, so that the health of an
 * address outlives the operation. Instants are integer milliseconds; null means "not yet" or "none".
 */
export type Endpoint = {
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'registered' | 'request';
  /** Where to send. Of kind `request` without the query, which belongs to the delivery. */
  readonly url: string;
  /** Scheme, host and port of `url`: what the second cap of attempts in flight is counted by. */
  readonly origin: string;
  /** Which events it gets; of kind `request` empty, as the operation says it. */
  readonly events: readonly WebhookEvent[];
  /** Which tasks' operations; null: all. */
  readonly tasks: readonly string[] | null;
  /** Sent with every delivery; checked by webhooks/static-headers.ts. */
  readonly headers: Readonly<Record<string, string>>;
  readonly description: string | null;
  /** Whether it said that it wants to be sent to; null: it is not asked. */
  readonly handshake: EndpointHandshake | null;
  readonly disabled: EndpointDisabled | null;
  readonly health: EndpointHealth;
  /** Counts up with every change by a person or of `disabled`. */
  readonly version: number;
  readonly createdAt: number;
};

/**
 * The consent of an endpoint that is asked for it before anything is sent (the validation handshake of CloudEvents
 * HTTP webhook 1.0). As long as it is `awaited` the endpoint is disabled by `no_consent`.
 */
export type EndpointHandshake = {
  readonly state: 'awaited' | 'given';
  /** When it was asked last; null: never. */
  readonly askedAt: number | null;
  /** Why the latest question brought no consent, for people; null: it did, or there was none yet. */
  readonly detail: string | null;
  /** Deliveries a minute that it allows; null: as many as there are. */
  readonly perMinute: number | null;
};

/** Not asked yet, or at another address. */
export const consentAwaited: EndpointHandshake = {
  state: 'awaited',
  askedAt: null,
  detail: null,
  perMinute: null,
};

/**
 * Why nothing is sent: a person said so; the endpoint answered 410 (`gone`) or asked for it (`requested`); it
 * did nothing but fail for too long (`failing`). Its deliveries are held until a person enables it; or, while its
 * consent is awaited (`no_consent`), until that is given.
 */
export type EndpointDisabled = {
  readonly reason: 'manual' | 'gone' | 'requested' | 'failing' | 'no_consent';
  readonly at: number;
};

/**
 * What is known of an endpoint from its last attempts; core/endpoint-health.ts is the only one to change it.
 *
 *   closed  attempts flow, at most `inFlightMax` at once (the ramp after an outage)
 *   open    nothing before `gateAt`; then one attempt, the probe
 */
export type EndpointHealth = {
  readonly circuit: 'closed' | 'open';
  /** Failures since the last success that speak against the endpoint: transport, 5xx, 429. */
  readonly failures: number;
  /** The delivery that failed first since then, and whether another failed too: one bad message opens nothing. */
  readonly firstFailedDelivery: string | null;
  readonly severalFailed: boolean;
  /** Probes that failed in a row; picks the next pause. */
  readonly probes: number;
  /** Nothing is sent before this instant; null: no gate. */
  readonly gateAt: number | null;
  readonly gateReason: 'circuit_open' | 'retry_after' | 'allowed_rate' | null;
  /** Attempts that may be in flight, below the claim's own limit: 1, 2, 4 … after an outage, healthyInFlight in health. */
  readonly inFlightMax: number;
  /** When the failures since the last success of any kind (or since the beginning) began; null: none. */
  readonly failingSince: number | null;
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
};
