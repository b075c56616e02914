import type { WebhookEvent } from './delivery.ts';
import type { ErrorCode, FieldError, OutcomeCode } from './errors.ts';
import type { OperationStatus } from './operation.ts';

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
};

export type WireProgress = {
  readonly fraction: number | null;
  readonly message: string | null;
  readonly current: number | null;
  readonly total: number | null;
  readonly updated_at: string;
};

export type WireEstimate = {
  readonly completes_at: string;
  readonly basis: 'declared' | 'history';
  readonly samples: number;
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
  readonly expected_duration_ms: number | null;
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

/** `GET /`: where everything is. */
export type WireIndex = {
  readonly name: 'raincheck';
  readonly version: string;
  readonly operations_url: string;
  readonly tasks_url: string;
  readonly openapi_url: string;
  readonly health_url: string;
  /** Where to POST, by task. */
  readonly submit_urls: Readonly<Record<string, string>>;
};
