import type {
  AttemptResult,
  Delivery,
  DeliveryAttempt,
  DeliveryEvent,
  WebhookEvent,
  WebhookTarget,
} from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { Tell } from '../engine/engine.ts';
import type {
  DeliveryFilter,
  DeliveryPage,
  EndpointPage,
  EndpointWithCounts,
  Outbox,
  StoredDelivery,
  WebhookSecret,
} from '../store/delivery-store.ts';

/**
 * The in-process API of webhooks: everything that a client can do with them over HTTP, without
 * HTTP, and the loops that send. All verbs reject with a RaincheckError whose code is named at the
 * verb, and any of them with `store_unavailable`. Bodies come as parsed JSON and are checked here:
 * `validation_failed` names each field.
 */
export type Webhooks = {
  /** For the engine: creates deliveries in the commit of a final state. */
  readonly outbox: Outbox;
  /** For the engine: reports starts and progress. */
  readonly tell: Tell;

  start(): Promise<void>;
  /**
   * Claims no more, waits up to `drainMs` for attempts under way, then leaves the rest to the end
   * of their leases.
   */
  stop(p?: { readonly drainMs?: number; readonly now?: boolean }): Promise<void>;

  /**
   * What the reserved members of a submitted body ask for; null when there are none. Checks shape
   * and address before anything is stored. `validation_failed`, `webhook_url_blocked`.
   */
  target(p: {
    readonly webhookUrl: unknown;
    readonly webhook: unknown;
  }): Promise<WebhookTarget | null>;

  /**
   * `secret` is what a receiver verifies with (the public half of a key pair), and is returned only
   * here. `validation_failed`, `webhook_url_blocked`, `endpoints_full`.
   */
  createEndpoint(p: {
    readonly tenant: string;
    readonly body: unknown;
  }): Promise<{ readonly endpoint: Endpoint; readonly secret: string }>;
  /** `endpoint_not_found`, `validation_failed`, `webhook_url_blocked`. */
  updateEndpoint(p: EndpointKey & { readonly body: unknown }): Promise<Endpoint>;
  /** `endpoint_not_found`. */
  readEndpoint(p: EndpointKey): Promise<EndpointWithCounts>;
  listEndpoints(p: {
    readonly tenant: string;
    readonly kind?: Endpoint['kind'] | undefined;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<EndpointPage>;
  /**
   * Asks the endpoint for its consent, again if need be; resolves with its record after that.
   * `endpoint_not_found`, `validation_failed` when it is not one to ask.
   */
  validateEndpoint(p: EndpointKey): Promise<Endpoint>;
  /** `endpoint_not_found`. */
  removeEndpoint(p: EndpointKey): Promise<void>;
  /**
   * Sends `webhook.test` and resolves with the attempt once it has ended. The attempt is null when
   * none could be made in time, because the endpoint is disabled or waits; then the delivery is
   * cancelled. `endpoint_not_found`.
   */
  testEndpoint(p: EndpointKey): Promise<TestedDelivery>;

  /**
   * Creation and expiry of the live secrets, newest first, never their values. `endpoint_not_found`
   * when an endpoint is given.
   */
  listSecrets(p: SecretOwner): Promise<readonly Omit<WebhookSecret, 'value'>[]>;
  /**
   * The new secret, which is returned only here. `body`: {secret?, grace_seconds?}.
   * `endpoint_not_found`, `validation_failed`.
   */
  rotateSecret(p: SecretOwner & { readonly body: unknown }): Promise<{
    readonly secret: string;
    readonly secrets: readonly Omit<WebhookSecret, 'value'>[];
  }>;

  /** `delivery_not_found`. */
  readDelivery(p: DeliveryKey): Promise<StoredDelivery>;
  /**
   * The delivery to the operation's own address; null: it has none, or is not final. The tenant is
   * not checked, because the caller has the operation.
   */
  readOperationDelivery(p: { readonly operationId: string }): Promise<Delivery | null>;
  listDeliveries(p: {
    readonly filter: DeliveryFilter;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<DeliveryPage>;
  /** `delivery_not_found`. */
  listAttempts(p: DeliveryKey): Promise<readonly DeliveryAttempt[]>;
  countDeliveries(p: { readonly filter: DeliveryFilter }): Promise<number>;
  /** `delivery_not_found`, `delivery_in_flight`. */
  redeliver(p: DeliveryKey): Promise<Delivery>;
  /** `delivery_not_found`, `delivery_not_waiting`. */
  discard(p: DeliveryKey): Promise<Delivery>;

  /** Whether one of our secrets signed the request; for a receiver within this server. */
  checkSignature(p: ReceivedSignature): Promise<SignatureCheck>;
};

/**
 * A delivery as a receiver gets it: the headers of Standard Webhooks, null for those that are
 * missing.
 */
export type ReceivedSignature = {
  readonly tenant: string;
  readonly id: string | null;
  readonly timestamp: string | null;
  readonly signature: string | null;
  /** The bytes as they came. */
  readonly body: Buffer;
};

export type SignatureCheck = {
  readonly state: 'valid' | 'invalid' | 'unsigned';
  /** Why the signature does not fit, for people; null when it does. */
  readonly detail: string | null;
};

export type EndpointKey = { readonly id: string; readonly tenant: string };
export type DeliveryKey = { readonly id: string; readonly tenant: string };
/** `endpointId` null: the tenant's own secrets. */
export type SecretOwner = { readonly tenant: string; readonly endpointId: string | null };

export type TestedDelivery = {
  readonly delivery: Delivery;
  readonly attempt: DeliveryAttempt | null;
};

/** The checked body of POST /webhooks/endpoints. */
export type EndpointInput = {
  readonly url: string;
  /** Default: both final events. */
  readonly events: readonly WebhookEvent[];
  readonly tasks: readonly string[] | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly description: string | null;
  readonly enabled: boolean;
  /** Whether nothing is sent before the endpoint consents. */
  readonly handshake: boolean;
  /** The secret that the client brings; null: one is made. */
  readonly secret: string | null;
  readonly signature: 'v1' | 'v1a';
};

/**
 * Makes the attempts; webhooks/sender.ts makes each one HTTP request with one AttemptResult. Never
 * rejects.
 */
export type Sender = {
  send(p: SendRequest): Promise<AttemptResult>;
  /** Asks the question of the handshake (webhooks/handshake.ts). `delivered`: the answer is 2xx. */
  ask(p: AskRequest): Promise<AttemptResult>;
  /** Closes idle connections. */
  close(): Promise<void>;
};

/** The part of an AbortSignal that a sender needs. */
export type CallOff = {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
};

export type SendRequest = {
  readonly id: string;
  readonly event: DeliveryEvent;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Newest first; each signs. */
  readonly secrets: readonly string[];
  readonly traceparent: string | null;
  /** Ends the attempt at once. */
  readonly signal: CallOff;
};

export type AskRequest = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** `webhook-request-origin` */
  readonly origin: string;
  /** `webhook-request-rate` */
  readonly perMinute: number;
  readonly signal: CallOff;
};
