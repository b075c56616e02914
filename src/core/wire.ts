import type { DeliveryEvent, DeliveryState, DeliveryTrigger, WebhookEvent } from './delivery.ts';
import type { EndpointDisabled } from './endpoint.ts';
import type { ErrorCode, FieldError, OutcomeCode } from './errors.ts';
import type { Health } from './health.ts';
import type { OperationStatus } from './operation.ts';
import type { Scope } from './scope.ts';
import type { estimateBases, estimateConfidences, EstimateReason } from './operation-estimate.ts';

/**
 * What goes over the wire, as the server writes it and the client reads it: snake_case, instants as
 * ISO 8601 in UTC, addresses root-relative with the public base path. Members may be added; readers
 * ignore what they do not know.
 */
export type WireOperation = {
  readonly id: string;
  /** The same as `id`, for receivers that look for this name. */
  readonly operation_id: string;
  readonly task: string;
  readonly status: OperationStatus;
  readonly created_at: string;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly expires_at: string | null;
  /** The latest attempt, 0 before the first. */
  readonly attempt: number;
  readonly attempts_max: number;
  /** While it waits for a delayed start or a back-off: not before this instant; else null. */
  readonly ready_at: string | null;
  readonly deadline_at: string | null;
  readonly priority: number;
  readonly progress: WireProgress | null;
  /** null once final. */
  readonly estimate: WireEstimate | null;
  readonly status_url: string;
  /** null until completed. */
  readonly result_url: string | null;
  /** null once final. */
  readonly cancel_url: string | null;
  /** Server-sent events of this operation. */
  readonly events_url: string;
  readonly cancel_requested_at: string | null;
  readonly error: WireOperationError | null;
  /** Attempts that ended so far, when there are any and it has not failed (then they are in `error`); absent in lists. */
  readonly attempts?: readonly WireAttempt[];
  /** The result itself when it is JSON of at most 16 KiB; absent otherwise, and in lists. */
  readonly result?: unknown;
  readonly labels: Readonly<Record<string, string>>;
  /** The failed operation that this one repeats. */
  readonly retry_of: string | null;
  /** How the address that the request named gets to know of the end; null: it named none. Absent in lists. */
  readonly webhook?: WireOperationWebhook | null;
};

/** Registered endpoints are not in it: theirs are in the list of deliveries. */
export type WireOperationWebhook = {
  /** Without its query, which may be a secret of the receiver. */
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  /**
   * Of the delivery that tells the end. `waiting`: not final yet. `none`: there is no such delivery, as its event
   * was not asked for, or it has been forgotten after its time.
   */
  readonly state: 'waiting' | 'none' | DeliveryState;
  readonly delivery_id: string | null;
  readonly attempts: number;
  /** HTTP status and error class of the latest attempt that ended. */
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  /** Why then, or why it waits for no instant. */
  readonly next_attempt_reason: string | null;
  readonly delivery_url: string | null;
};

export type WireProgress = {
  readonly fraction: number | null;
  readonly message: string | null;
  readonly current: number | null;
  readonly total: number | null;
  readonly updated_at: string;
};

/** When it is expected to end. Instants are held until they would move by more than a tenth of what is left. */
export type WireEstimate = {
  /** Once it has started, when it did. This and the next two are null when nothing is known: see `reason`. */
  readonly starts_at: string | null;
  /** Median. */
  readonly completes_at: string | null;
  /** Nine of ten operations end by then. */
  readonly completes_by: string | null;
  /** Operations that go before it; null: not known. */
  readonly queue_position: number | null;
  /** What it rests on. */
  readonly basis: (typeof estimateBases)[number];
  /** Finished operations behind it. */
  readonly samples: number;
  /** low: fewer than 100 operations of the task have finished. */
  readonly confidence: (typeof estimateConfidences)[number];
  /** It runs longer than nine of ten did, or than it was told to. Else absent. */
  readonly longer_than_usual?: true;
  /** Why nothing is known. Else absent. */
  readonly reason?: EstimateReason;
};

/** The recorded problem (RFC 9457 members and `code`) with what came before it. */
export type WireOperationError = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: OutcomeCode;
  /** Every attempt with its own error; absent in lists. */
  readonly attempts?: readonly WireAttempt[];
};

export type WireAttempt = {
  readonly number: number;
  readonly outcome: 'failed' | 'lost' | 'released';
  readonly started_at: string;
  readonly ended_at: string;
  /** code and detail of this attempt's own error. */
  readonly error: { readonly code: OutcomeCode; readonly detail: string } | null;
  readonly retry_at: string | null;
};

export type WireOperationPage = {
  readonly operations: readonly WireOperation[];
  /** Pass as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

export type WireTask = {
  readonly name: string;
  /** Where to POST. */
  readonly path: string;
  readonly description: string | null;
  readonly paused: boolean;
  /** JSON Schema (2020-12) of the input, when the validator can tell it. */
  readonly input_schema: unknown;
  readonly limits: {
    readonly attempts: number;
    readonly timeout_ms: number | null;
    readonly queue_timeout_ms: number | null;
    readonly deadline_ms: number | null;
    readonly concurrency: number | null;
    readonly key_concurrency: number | null;
    readonly pending: number | null;
  };
  readonly counts: {
    readonly pending: number;
    readonly processing: number;
    readonly completed: number;
    readonly failed: number;
  };
  /** Since when the operation that waits longest could have run. */
  readonly oldest_pending_at: string | null;
  /** As the task declares it. */
  readonly estimate_ms: number | null;
  /** What its latest 64 operations took from start to end; null: fewer than 4 have finished. */
  readonly durations: {
    readonly p50_ms: number;
    readonly p90_ms: number;
    /** Operations that ever finished. */
    readonly samples: number;
  } | null;
  /** How the first estimates told of its latest 256 operations turned out; null: none has finished. */
  readonly estimate_accuracy: {
    readonly samples: number;
    /** Share that finished by `completes_by`; 0.9 is aimed at. */
    readonly within_bound: number;
    /** Median of how far off `completes_at` was, over the time from the telling to the end. */
    readonly error_median: number;
  } | null;
};

export type WireTaskList = { readonly tasks: readonly WireTask[] };

/**
 * The body of a delivery, as it is signed and sent. A newer server may send types that are not here:
 * answer those with 2xx and leave them alone.
 */
export type WireWebhookEvent = WireOperationEvent | WireTestEvent;

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

/** Sent when a person asks for it. */
export type WireTestEvent = {
  readonly type: 'webhook.test';
  readonly timestamp: string;
  readonly data: { readonly endpoint_id: string };
};

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

export type WireEndpointPage = {
  readonly endpoints: readonly WireEndpoint[];
  readonly next_cursor: string | null;
};

export type WireSecretList = {
  /** Those that sign, newest first. Never their values. */
  readonly secrets: readonly { readonly created_at: string; readonly expires_at: string | null }[];
};

/** To POST …/secret/rotate: the new secret, told only now. */
export type WireRotatedSecret = WireSecretList & { readonly secret: string };

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

export type WireDeliveryRequest = {
  readonly method: 'POST';
  /** The headers that are the same on every attempt, but for those of the receiver's own choice. */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers of the receiver's own choice; their values are never shown. */
  readonly header_names: readonly string[];
  /** The very bytes, as text. */
  readonly body: string;
};

export type WireDeliveryPage = {
  readonly deliveries: readonly WireDelivery[];
  readonly next_cursor: string | null;
};

export type WireDeliveryAttempt = {
  readonly number: number;
  readonly trigger: DeliveryTrigger;
  readonly started_at: string;
  readonly ended_at: string | null;
  /** unknown: the worker died; the receiver may have it. */
  readonly outcome: 'sending' | 'delivered' | 'failed' | 'unknown';
  /** Of the answer; null: there was none. */
  readonly status: number | null;
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

/** application/problem+json, RFC 9457. */
export type WireProblem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly errors?: readonly FieldError[];
  /** Of the recorded problem of an operation: its status. */
  readonly instance?: string;
};

/** `GET /problems/{code}`: what the `type` of a problem means. */
export type WireProblemType = {
  readonly type: string;
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
};

/** How many operations there are in each status; `completed` and `failed` since the store was made. */
export type WireFeedTick = Readonly<Record<OperationStatus, number>>;

/** At least so many changes were not told. */
export type WireFeedGap = { readonly missed: number };

/** What the token of a request may do. */
export type WireWhoami = {
  /** null: the token has none, or no token is asked for. */
  readonly name: string | null;
  /** With those that others imply. */
  readonly scopes: readonly Scope[];
  /** Whether a token is asked for. */
  readonly secured: boolean;
};

/** `GET /stats`: how it goes and how it went, over all processes. */
export type WireStats = {
  readonly generated_at: string;
  readonly window_seconds: number;
  readonly bucket_seconds: number;
  /** The single worst thing in a sentence. */
  readonly health: Health;
  readonly totals: {
    readonly pending: number;
    readonly processing: number;
    /** Since the store was made. */
    readonly completed: number;
    readonly failed: number;
    /** Webhooks that were given up, counted up to 10,000; null: this server sends none. */
    readonly dead_letters: number | null;
  };
  /** Since when the operation that waits longest could have run; null: none waits. */
  readonly oldest_pending_at: string | null;
  /** Processes that run operations, by their heartbeats. */
  readonly workers: { readonly live: number; readonly busy: number; readonly slots: number };
  /** Oldest first, without a gap. Kept as well as can be: a crash loses some seconds of them. */
  readonly buckets: readonly WireStatsBucket[];
};

export type WireStatsBucket = {
  /** When it begins. */
  readonly at: string;
  readonly submitted: number;
  readonly completed: number;
  readonly failed: number;
  readonly failed_by_code: Readonly<Record<string, number>>;
  /** Of first attempts that began: how long after they could have. null: none did. */
  readonly wait_ms: WireQuantiles | null;
  /** Of operations that ended: how long their last attempt took. */
  readonly run_ms: WireQuantiles | null;
  /** false: something may still be added to it. */
  readonly complete: boolean;
};

/** Right to about an eighth. */
export type WireQuantiles = { readonly p50: number; readonly p95: number; readonly p99: number };

export type WireWorker = {
  /** Also the worker of the leases it holds. */
  readonly id: string;
  /** api: accepts and answers. worker: runs attempts and sends webhooks. */
  readonly roles: readonly ('api' | 'worker')[];
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: string;
  readonly heartbeat_at: string;
  /** draining: it stops, and takes no more. dead: its heartbeat is missing; shown for an hour. */
  readonly state: 'live' | 'draining' | 'dead';
  /** Attempts that run there, of at most `slots`. */
  readonly busy: number;
  readonly slots: number;
  /** 99th percentile of the delay of its event loop in the last seconds; null: not measured (yet). */
  readonly event_loop_lag_ms: number | null;
  /** What it runs. */
  readonly tasks: readonly string[];
};

/** `GET /workers`: the processes on the store, oldest first. */
export type WireWorkerList = { readonly workers: readonly WireWorker[] };

/** `GET /`: where everything is. */
export type WireIndex = {
  readonly name: 'raincheck';
  readonly version: string;
  readonly operations_url: string;
  readonly tasks_url: string;
  readonly openapi_url: string;
  readonly health_url: string;
  /** Absent where no webhooks are sent. */
  readonly webhook_endpoints_url?: string;
  readonly webhook_deliveries_url?: string;
  /** Where to POST, by task. */
  readonly submit_urls: Readonly<Record<string, string>>;
};
