/**
 * The closed table of error codes. `status` is the HTTP status when the error answers a request, or
 * when it is the recorded outcome of an operation whose result is asked for. `retryable` says
 * whether the same request may succeed later without a change. A test keeps docs/errors.md and the
 * OpenAPI document in step with this table.
 */
export const errorTable = {
  // What a request did wrong.
  invalid_request: { status: 400, title: 'Invalid request', retryable: false },
  invalid_json: { status: 400, title: 'Body is not valid JSON', retryable: false },
  invalid_cursor: { status: 400, title: 'Cursor is not one of ours', retryable: false },
  unauthorized: { status: 401, title: 'Missing or unknown token', retryable: false },
  forbidden: { status: 403, title: 'Token lacks a scope', retryable: false },
  cross_site: { status: 403, title: 'Request from another site', retryable: false },
  not_found: { status: 404, title: 'Not found', retryable: false },
  operation_not_found: { status: 404, title: 'No such operation', retryable: false },
  task_not_found: { status: 404, title: 'No such task', retryable: false },
  endpoint_not_found: { status: 404, title: 'No such webhook endpoint', retryable: false },
  delivery_not_found: { status: 404, title: 'No such delivery', retryable: false },
  method_not_allowed: { status: 405, title: 'Method not allowed', retryable: false },
  request_timeout: { status: 408, title: 'Request took too long to arrive', retryable: true },
  operation_not_failed: {
    status: 409,
    title: 'Only a failed operation can be retried',
    retryable: false,
  },
  delivery_in_flight: { status: 409, title: 'An attempt is under way', retryable: true },
  delivery_not_waiting: {
    status: 409,
    title: 'Only a delivery that waits or is dead can be discarded',
    retryable: false,
  },
  endpoints_full: { status: 409, title: 'Too many webhook endpoints', retryable: false },
  operation_gone: { status: 410, title: 'Operation has expired or was removed', retryable: false },
  payload_too_large: { status: 413, title: 'Body too large', retryable: false },
  uri_too_long: { status: 414, title: 'Address too long', retryable: false },
  unsupported_media_type: { status: 415, title: 'Unsupported content type', retryable: false },
  range_not_satisfiable: { status: 416, title: 'Range cannot be satisfied', retryable: false },
  expectation_failed: { status: 417, title: 'Expectation cannot be met', retryable: false },
  validation_failed: { status: 422, title: 'Input does not fit', retryable: false },
  webhook_url_blocked: {
    status: 422,
    title: 'Webhooks are not sent to this address',
    retryable: false,
  },
  idempotency_key_reused: {
    status: 422,
    title: 'Idempotency-Key was used with another request',
    retryable: false,
  },
  headers_too_large: { status: 431, title: 'Request header fields too large', retryable: false },
  // What the server cannot do now.
  internal: { status: 500, title: 'Internal error', retryable: true },
  metrics_unavailable: { status: 501, title: 'Metrics are not available', retryable: false },
  queue_full: { status: 503, title: 'Queue is full', retryable: true },
  store_unavailable: { status: 503, title: 'Store is not available', retryable: true },
  streams_full: { status: 503, title: 'Too many event streams', retryable: true },
  lease_lost: { status: 503, title: 'Lease of the attempt was lost', retryable: true },
  shutting_down: { status: 503, title: 'Server is shutting down', retryable: true },
  // How an operation ended.
  task_error: { status: 500, title: 'Task failed', retryable: true },
  timeout: { status: 504, title: 'Attempt ran longer than its timeout', retryable: true },
  queue_timeout: { status: 504, title: 'Waited longer than the queue timeout', retryable: true },
  deadline_exceeded: { status: 504, title: 'Deadline passed', retryable: false },
  cancelled: { status: 409, title: 'Cancelled', retryable: false },
  worker_lost: { status: 500, title: 'Worker was lost too often', retryable: true },
  result_too_large: { status: 500, title: 'Result is larger than allowed', retryable: false },
  result_invalid: { status: 500, title: 'Result cannot be stored', retryable: false },
  // What the program that embeds Raincheck did wrong, or the machine cannot do.
  invalid_option: { status: 500, title: 'Invalid option', retryable: false },
  port_unavailable: { status: 500, title: 'Port cannot be used', retryable: false },
  store_locked: { status: 500, title: 'Store is in use by another process', retryable: false },
  store_incompatible: { status: 500, title: 'Store cannot be used', retryable: false },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

/** A code of errorTable; docs/errors.md describes each. */
export type ErrorCode = keyof typeof errorTable;

/** The codes an operation can end with, as `error.code` of its status. */
export const outcomeCodes = [
  'task_error',
  'timeout',
  'queue_timeout',
  'deadline_exceeded',
  'cancelled',
  'worker_lost',
  'result_too_large',
  'result_invalid',
] as const satisfies readonly ErrorCode[];
/** One of outcomeCodes. */
export type OutcomeCode = (typeof outcomeCodes)[number];

/**
 * One mistake in an input: `pointer` is a JSON pointer (RFC 6901) into the body, '' for the whole
 * body.
 */
export type FieldError = { readonly pointer: string; readonly detail: string };

/**
 * The class of every error that Raincheck itself raises. `message` is for people and safe to show
 * to a client.
 */
export class RaincheckError extends Error {
  override readonly name: string = 'RaincheckError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  /**
   * Seconds a client should wait, when the cause is the server's present state rather than the
   * request.
   */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; errors?: readonly FieldError[]; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/**
 * Thrown by a handler to say how its operation failed. Any other throw becomes a plain
 * `task_error`. `retryable: false` ends the operation at once, whatever attempts are left. `status`
 * (400..599, default 500) is the HTTP status of the result's address; `type` and `title` go into
 * the recorded problem.
 */
export class TaskError extends Error {
  override readonly name: string = 'TaskError';
  readonly retryable: boolean;
  readonly status: number;
  readonly type: string | undefined;
  readonly title: string | undefined;

  constructor(
    message: string,
    options: {
      cause?: unknown;
      retryable?: boolean;
      status?: number;
      type?: string;
      title?: string;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryable = options.retryable ?? true;
    this.status = options.status ?? 500;
    this.type = options.type;
    this.title = options.title;
  }
}
