import type { DeliveryEvent, DeliveryState, DeliveryTrigger, WebhookEvent } from './delivery.ts';
import type { EndpointDisabled, EndpointHandshake } from './endpoint.ts';
import type { OperationStatus } from './operation.ts';
import type { WireOperation, WireOperationError } from './wire-operation.ts';

/**
 * The body of a delivery, as it is signed and sent. A newer server may send types that are not
 * listed here: answer those with 2xx and ignore them.
 */
export type WireWebhookEvent = WireOperationEvent | WireTestEvent;

/** Reports that an operation started, progressed or ended. */
export type WireOperationEvent = {
  readonly type: WebhookEvent;
  /**
   * When it happened; for a final event, the end of the operation. Order events by this, not by
   * arrival.
   */
  readonly timestamp: string;
  // The same as in data.operation, for receivers written for a bare {status, result_url}.
  readonly operation_id: string;
  readonly status: OperationStatus;
  readonly result_url: string | null;
  readonly error: WireOperationError | null;
  /** The status resource at that instant. */
  readonly data: { readonly operation: WireOperation };
};

/** Reports nothing: sent when a person asks for it, to see whether webhooks arrive. */
export type WireTestEvent = {
  readonly type: 'webhook.test';
  readonly timestamp: string;
  readonly data: { readonly endpoint_id: string };
};

/** An endpoint: an address that webhooks go to, with its health. */
export type WireEndpoint = {
  readonly id: string;
  /** `request`: made by the first request that named its address. */
  readonly kind: 'registered' | 'request';
  /** Without the query for kind `request`. */
  readonly url: string;
  /** Empty for kind `request`, where each request names its own. */
  readonly events: readonly WebhookEvent[];
  /** null: all tasks. */
  readonly tasks: readonly string[] | null;
  /** Names of its own headers that go with every delivery; their values are never shown. */
  readonly header_names: readonly string[];
  readonly description: string | null;
  readonly enabled: boolean;
  /** null while it is enabled. */
  readonly disabled_reason: EndpointDisabled['reason'] | null;
  readonly disabled_at: string | null;
  readonly created_at: string;
  /** Whether it agreed to receive webhooks; null: it need not be asked. */
  readonly handshake: {
    readonly state: EndpointHandshake['state'];
    readonly asked_at: string | null;
    /** Why it did not consent when it was last asked. */
    readonly detail: string | null;
    /** The deliveries a minute that it allows; null: any number. */
    readonly per_minute: number | null;
  } | null;
  readonly health: WireEndpointHealth;
  /** Nothing is sent before this instant; null: there is no such instant. */
  readonly next_attempt_at: string | null;
  /** Why nothing is sent now; null: nothing is in the way. */
  readonly next_attempt_reason: string | null;
  /**
   * How many of its deliveries are pending or being sent, held, and dead, each counted up to
   * 10,000. Absent in lists.
   */
  readonly counts?: { readonly waiting: number; readonly held: number; readonly dead: number };
  readonly endpoint_url: string;
  readonly deliveries_url: string;
};

/** What the last attempts showed about an endpoint. */
export type WireEndpointHealth = {
  /** open: it failed too often in a row; a probe is sent now and then. */
  readonly circuit: 'closed' | 'open';
  /** Failures in a row that are the endpoint's fault. */
  readonly failures: number;
  /**
   * After an outage, the attempts that may be in flight at once: 1, 2, 4 …; null: as many as the
   * settings allow.
   */
  readonly in_flight_max: number | null;
  readonly failing_since: string | null;
  readonly last_success_at: string | null;
  readonly last_failure_at: string | null;
};

/** 201 answer to POST /webhooks/endpoints. */
export type WireCreatedEndpoint = WireEndpoint & {
  /** What the receiver verifies signatures with: for a key pair the public half. Shown only now. */
  readonly secret: string;
};

/** `GET /webhooks/endpoints`: one page, newest first. */
export type WireEndpointPage = {
  readonly endpoints: readonly WireEndpoint[];
  /** Pass it as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** The secrets of an endpoint, or of the tenant. */
export type WireSecretList = {
  /** The secrets that sign, newest first, without their values. */
  readonly secrets: readonly { readonly created_at: string; readonly expires_at: string | null }[];
};

/** Answer to POST …/secret/rotate: the new secret, shown only now. */
export type WireRotatedSecret = WireSecretList & { readonly secret: string };

/** A delivery: one event on its way to one endpoint. */
export type WireDelivery = {
  /** The `webhook-id`: the same on every attempt. */
  readonly id: string;
  readonly event: DeliveryEvent;
  readonly state: DeliveryState;
  readonly operation_id: string | null;
  readonly endpoint_id: string;
  /** The address without its query. */
  readonly url: string;
  readonly created_at: string;
  /** Attempts begun so far. */
  readonly attempts: number;
  /** Failures that count for the schedule, and the number that makes it a dead letter. */
  readonly failures: number;
  readonly failures_max: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  readonly next_attempt_reason: string | null;
  /** Why the next attempt, or the latest one, was due. */
  readonly trigger: DeliveryTrigger;
  /** After this instant it is no longer sent. */
  readonly expires_at: string;
  readonly finished_at: string | null;
  /** The record is removed then; null until finished. */
  readonly kept_until: string | null;
  /** What every attempt sends; absent in lists. */
  readonly request?: WireDeliveryRequest;
  readonly delivery_url: string;
  readonly attempts_url: string;
  readonly operation_url: string | null;
};

/** The request that every attempt of a delivery makes. */
export type WireDeliveryRequest = {
  readonly method: 'POST';
  /** The headers that are the same on every attempt, except for the receiver's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Names of the receiver's own headers; their values are never shown. */
  readonly header_names: readonly string[];
  /** The exact body, as text. */
  readonly body: string;
};

/** `GET /webhooks/deliveries`: one page, newest first. */
export type WireDeliveryPage = {
  readonly deliveries: readonly WireDelivery[];
  /** Pass it as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** One attempt of a delivery. */
export type WireDeliveryAttempt = {
  readonly number: number;
  readonly trigger: DeliveryTrigger;
  readonly started_at: string;
  readonly ended_at: string | null;
  /** unknown: the worker died, so the receiver may have got it. */
  readonly outcome: 'sending' | 'delivered' | 'failed' | 'unknown';
  /** Status of the answer; null: there was none. */
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
    /** The beginning of the body: text, or base64 when it is not text. */
    readonly excerpt: { readonly text: string } | { readonly base64: string } | null;
  } | null;
  /** When the next attempt was planned at that time, and why. */
  readonly next_attempt_at: string | null;
  readonly next_attempt_reason: string | null;
};

/** The latest 50 attempts, oldest of them first. */
export type WireDeliveryAttemptList = { readonly attempts: readonly WireDeliveryAttempt[] };

/** Answer to POST /webhooks/endpoints/{id}/test. */
export type WireTestedEndpoint = {
  readonly delivery: WireDelivery;
  /** null: no attempt could be made, and the delivery is cancelled. */
  readonly attempt: WireDeliveryAttempt | null;
  /** Why no attempt could be made; null when one was. */
  readonly reason: string | null;
};

/** Answer to POST /webhooks/dead-letters/redrive with `dry_run`. */
export type WireRedriveCount = {
  readonly dry_run: true;
  readonly action: 'redrive' | 'discard';
  /** Counting stops at 10,000. */
  readonly count: number;
  /** Whether there are more than 10,000. */
  readonly more: boolean;
};

/** `GET /webhooks/dead-letters:groups`: dead letters by endpoint and error, the most frequent first. */
export type WireDeadLetterGroups = {
  readonly groups: readonly {
    readonly fingerprint: string;
    /** Together with `error`, the filter of a redrive; null: not known. */
    readonly endpoint_id: string | null;
    /** Error class of the latest attempt. */
    readonly error: string;
    readonly count: number;
    /** When the first and the last of them died. */
    readonly first_at: string;
    readonly last_at: string;
    readonly sample_delivery_id: string;
  }[];
  /** false: older ones were not examined. */
  readonly complete: boolean;
};
