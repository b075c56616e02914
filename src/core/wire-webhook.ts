import type { DeliveryEvent, DeliveryState, DeliveryTrigger, WebhookEvent } from './delivery.ts';
import type { EndpointDisabled, EndpointHandshake } from './endpoint.ts';
import type { OperationStatus } from './operation.ts';
import type { WireOperation, WireOperationError } from './wire-operation.ts';

/**
 * The body of a delivery, as it is signed and sent. A newer server may send types that are not here:
 * answer those with 2xx and leave them alone.
 */
export type WireWebhookEvent = WireOperationEvent | WireTestEvent;

/** Tells of an operation: that it started, went on or ended. */
export type WireOperationEvent = {
  readonly type: WebhookEvent;
  /** When it happened; of a final event the end of the operation. Order by this, not by arrival. */
  readonly timestamp: string;
  // The same as in data.operation, for receivers written for a bare {status, result_url}.
  readonly operation_id: string;
  readonly status: OperationStatus;
  readonly result_url: string | null;
  readonly error: WireOperationError | null;
  /** The status resource at that instant. */
  readonly data: { readonly operation: WireOperation };
};

/** Tells of nothing: sent when a person asks for it, to see whether webhooks arrive. */
export type WireTestEvent = {
  readonly type: 'webhook.test';
  readonly timestamp: string;
  readonly data: { readonly endpoint_id: string };
};

/** An endpoint: an address that webhooks go to, with its health. */
export type WireEndpoint = {
  readonly id: string;
  /** `request`: came into being with the first request that named its address. */
  readonly kind: 'registered' | 'request';
  /** Of kind `request` without the query. */
  readonly url: string;
  /** Of kind `request` empty: each request asks for its own. */
  readonly events: readonly WebhookEvent[];
  /** null: of all tasks. */
  readonly tasks: readonly string[] | null;
  /** The headers of its own that go with every delivery; their values are never shown. */
  readonly header_names: readonly string[];
  readonly description: string | null;
  readonly enabled: boolean;
  /** null while it is enabled. */
  readonly disabled_reason: EndpointDisabled['reason'] | null;
  readonly disabled_at: string | null;
  readonly created_at: string;
  /** Whether it said that it wants to be sent to; null: it is not asked. */
  readonly handshake: {
    readonly state: EndpointHandshake['state'];
    readonly asked_at: string | null;
    /** Why it did not consent when it was asked last. */
    readonly detail: string | null;
    /** Deliveries a minute that it allows; null: as many as there are. */
    readonly per_minute: number | null;
  } | null;
  readonly health: WireEndpointHealth;
  /** Nothing is sent before this instant; null: it waits for none. */
  readonly next_attempt_at: string | null;
  /** Why nothing is sent now; null: it is. */
  readonly next_attempt_reason: string | null;
  /** How many deliveries are pending or being sent, held and dead, counted up to 10,000 each. Absent in lists. */
  readonly counts?: { readonly waiting: number; readonly held: number; readonly dead: number };
  readonly endpoint_url: string;
  readonly deliveries_url: string;
};

/** What the last attempts told of an endpoint. */
export type WireEndpointHealth = {
  /** open: failed too often in a row; a probe is sent now and then. */
  readonly circuit: 'closed' | 'open';
  /** In a row, of those that speak against the endpoint. */
  readonly failures: number;
  /** After an outage: how many attempts may be in flight at once, 1, 2, 4 …; null: as many as the settings allow. */
  readonly in_flight_max: number | null;
  readonly failing_since: string | null;
  readonly last_success_at: string | null;
  readonly last_failure_at: string | null;
};

/** 201 to POST /webhooks/endpoints. */
export type WireCreatedEndpoint = WireEndpoint & {
  /** What the receiver verifies with: of a key pair the public half. Told only now. */
  readonly secret: string;
};

/** `GET /webhooks/endpoints`: one page, newest first. */
export type WireEndpointPage = {
  readonly endpoints: readonly WireEndpoint[];
  /** Pass as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** The secrets of an endpoint, or of the tenant. */
export type WireSecretList = {
  /** Those that sign, newest first. Never their values. */
  readonly secrets: readonly { readonly created_at: string; readonly expires_at: string | null }[];
};

/** To POST …/secret/rotate: the new secret, told only now. */
export type WireRotatedSecret = WireSecretList & { readonly secret: string };

/** A delivery: one event on its way to one endpoint. */
export type WireDelivery = {
  /** The `webhook-id`: the same on every attempt. */
  readonly id: string;
  readonly event: DeliveryEvent;
  readonly state: DeliveryState;
  readonly operation_id: string | null;
  readonly endpoint_id: string;
  /** Without its query. */
  readonly url: string;
  readonly created_at: string;
  /** Begun so far. */
  readonly attempts: number;
  /** Of those the failures that count, and how many make it a dead letter. */
  readonly failures: number;
  readonly failures_max: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  readonly next_attempt_reason: string | null;
  /** What made the next attempt, or the latest one, due. */
  readonly trigger: DeliveryTrigger;
  /** Past it nothing is sent any more. */
  readonly expires_at: string;
  readonly finished_at: string | null;
  /** Forgotten then; null until finished. */
  readonly kept_until: string | null;
  /** What was and will be sent; absent in lists. */
  readonly request?: WireDeliveryRequest;
  readonly delivery_url: string;
  readonly attempts_url: string;
  readonly operation_url: string | null;
};

/** The request that every attempt of a delivery makes. */
export type WireDeliveryRequest = {
  readonly method: 'POST';
  /** The headers that are the same on every attempt, but for those of the receiver's own choice. */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers of the receiver's own choice; their values are never shown. */
  readonly header_names: readonly string[];
  /** The very bytes, as text. */
  readonly body: string;
};

/** `GET /webhooks/deliveries`: one page, newest first. */
export type WireDeliveryPage = {
  readonly deliveries: readonly WireDelivery[];
  /** Pass as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** One attempt of a delivery. */
export type WireDeliveryAttempt = {
  readonly number: number;
  readonly trigger: DeliveryTrigger;
  readonly started_at: string;
  readonly ended_at: string | null;
  /** unknown: the worker died; the receiver may have it. */
  readonly outcome: 'sending' | 'delivered' | 'failed' | 'unknown';
  /** Of the answer; null: there was none. */
  readonly status: number | null;
  /** Error class, like `timeout` or `http_503`; null: none. */
  readonly error: string | null;
  readonly detail: string | null;
  readonly timings: {
    readonly dns_ms: number | null;
    readonly connect_ms: number | null;
    readonly tls_ms: number | null;
    readonly first_byte_ms: number | null;
    readonly total_ms: number;
  } | null;
  readonly answer: {
    readonly headers: Readonly<Record<string, string>>;
    /** The beginning of the body: text, or base64 when it is none. */
    readonly excerpt: { readonly text: string } | { readonly base64: string } | null;
  } | null;
  /** When the next attempt was planned then, and why. */
  readonly next_attempt_at: string | null;
  readonly next_attempt_reason: string | null;
};

/** The latest 50, oldest of them first. */
export type WireDeliveryAttemptList = { readonly attempts: readonly WireDeliveryAttempt[] };

/** To POST /webhooks/endpoints/{id}/test. */
export type WireTestedEndpoint = {
  readonly delivery: WireDelivery;
  /** null: none could be made; then the delivery is cancelled. */
  readonly attempt: WireDeliveryAttempt | null;
  /** Why none could be made; null when one was. */
  readonly reason: string | null;
};

/** To POST /webhooks/dead-letters/redrive with `dry_run`. */
export type WireRedriveCount = {
  readonly dry_run: true;
  readonly action: 'redrive' | 'discard';
  /** Counted up to 10,000. */
  readonly count: number;
  /** Whether there are more than that. */
  readonly more: boolean;
};

/** `GET /webhooks/dead-letters:groups`: dead letters by endpoint and error, the most frequent first. */
export type WireDeadLetterGroups = {
  readonly groups: readonly {
    readonly fingerprint: string;
    /** With `error` the filter of a redrive; null: not known. */
    readonly endpoint_id: string | null;
    /** Error class of the latest attempt. */
    readonly error: string;
    readonly count: number;
    /** When they died: the first of them and the last. */
    readonly first_at: string;
    readonly last_at: string;
    readonly sample_delivery_id: string;
  }[];
  /** false: older ones were not looked at. */
  readonly complete: boolean;
};
