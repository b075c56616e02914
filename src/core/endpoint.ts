import type { WebhookEvent } from './delivery.ts';

/**
 * An address that deliveries go to. Registered endpoints are made through the API and get every
 * event they ask for. An endpoint of kind `request` is made with the first operation that names its
 * address, so that the health of an address outlives the operation. Instants are integer
 * milliseconds; null means "not yet" or "none".
 */
export type Endpoint = {
  readonly id: string;
  readonly tenant: string;
  readonly kind: 'registered' | 'request';
  /** Where to send. For kind `request` without the query, which belongs to the delivery. */
  readonly url: string;
  /** Scheme, host and port of `url`; the second cap on attempts in flight counts by it. */
  readonly origin: string;
  /** The events it gets; empty for kind `request`, where the operation names them. */
  readonly events: readonly WebhookEvent[];
  /** The tasks whose events it gets; null: all. */
  readonly tasks: readonly string[] | null;
  /** Headers sent with every delivery; webhooks/static-headers.ts checks them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly description: string | null;
  /** Whether it agreed to receive webhooks; null: it need not be asked. */
  readonly handshake: EndpointHandshake | null;
  readonly disabled: EndpointDisabled | null;
  readonly health: EndpointHealth;
  /** Counts up with every change by a person or of `disabled`. */
  readonly version: number;
  readonly createdAt: number;
};

/**
 * The consent of an endpoint that must agree before anything is sent to it (the validation handshake
 * of CloudEvents HTTP webhook 1.0). While it is `awaited` the endpoint is disabled by `no_consent`.
 */
export type EndpointHandshake = {
  readonly state: 'awaited' | 'given';
  /** When it was last asked; null: never. */
  readonly askedAt: number | null;
  /**
   * Why the latest question brought no consent, for people; null: it did, or none was asked yet.
   */
  readonly detail: string | null;
  /** The deliveries a minute that it allows; null: any number. */
  readonly perMinute: number | null;
};

/** For an endpoint that was not asked yet, or only at another address. */
export const consentAwaited: EndpointHandshake = {
  state: 'awaited',
  askedAt: null,
  detail: null,
  perMinute: null,
};

/**
 * Why nothing is sent to it. `manual`: a person disabled it. `gone`: it answered 410. `requested`:
 * it asked for no more. `failing`: it did nothing but fail for too long. Its deliveries are held
 * until a person enables it. `no_consent`: its consent is awaited, and its deliveries are held
 * until it consents.
 */
export type EndpointDisabled = {
  readonly reason: 'manual' | 'gone' | 'requested' | 'failing' | 'no_consent';
  readonly at: number;
};

/**
 * What the last attempts showed about an endpoint; only core/endpoint-health.ts changes it.
 *
 *   closed  attempts flow, at most `inFlightMax` at once (the ramp after an outage)
 *   open    nothing before `gateAt`; then one attempt, the probe
 */
export type EndpointHealth = {
  readonly circuit: 'closed' | 'open';
  /** Failures since the last success that are the endpoint's fault: transport, 5xx, 429. */
  readonly failures: number;
  /**
   * The delivery that failed first since the last success, and whether another failed too: one bad
   * message opens nothing.
   */
  readonly firstFailedDelivery: string | null;
  readonly severalFailed: boolean;
  /** Probes that failed in a row; selects the next pause. */
  readonly probes: number;
  /** Nothing is sent before this instant; null: no gate. */
  readonly gateAt: number | null;
  readonly gateReason: 'circuit_open' | 'retry_after' | 'allowed_rate' | null;
  /**
   * Attempts that may be in flight, below the claim's own limit: 1, 2, 4 … after an outage,
   * healthyInFlight when healthy.
   */
  readonly inFlightMax: number;
  /** When the first failure of any kind since the last success happened; null: there was none. */
  readonly failingSince: number | null;
  readonly lastSuccessAt: number | null;
  readonly lastFailureAt: number | null;
};
