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
  readonly disabled: EndpointDisabled | null;
  readonly health: EndpointHealth;
  /** Counts up with every change by a person or of `disabled`. */
  readonly version: number;
  readonly createdAt: number;
};

/**
 * Why nothing is sent: a person said so; the endpoint answered 410 (`gone`) or asked for it (`requested`); it
 * did nothing but fail for too long (`failing`). Its deliveries are held until a person enables it.
 */
export type EndpointDisabled = {
  readonly reason: 'manual' | 'gone' | 'requested' | 'failing';
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
  readonly gateReason: 'circuit_open' | 'retry_after' | null;
  /** Attempts that may be in flight, below the claim's own limit: 1, 2, 4 … after an outage, healthyInFlight in health. */
  readonly inFlightMax: number;
  /** When the failures since the last success of any kind (or since the beginning) began; null: none. */
  readonly failingSince: number | null;
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
};
