import type { ErrorCode, FieldError } from './errors.ts';
import type { Health } from './health.ts';
import type { OperationStatus } from './operation.ts';
import type { Scope } from './scope.ts';

/**
 * `GET /tasks/{name}`: a task, its limits and what is known of its operations. A limit of null
 * means that there is none.
 */
export type WireTask = {
  readonly name: string;
  /** The address to POST to. */
  readonly path: string;
  readonly description: string | null;
  readonly paused: boolean;
  /** Members of the input that are shown as "[redacted]", like `input.apiKey`. */
  readonly redact: readonly string[];
  /** JSON Schema (2020-12) of the input, if the validator can provide one. */
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
  /** When the operation that waits longest could have run; null: none waits. */
  readonly oldest_pending_at: string | null;
  /** The duration that the task declares. */
  readonly estimate_ms: number | null;
  /**
   * How long its latest 144 operations took from start to end, with more weight on later ones;
   * null: fewer than 4 have finished.
   */
  readonly durations: {
    readonly p50_ms: number;
    readonly p90_ms: number;
    /** Operations that ever finished. */
    readonly samples: number;
  } | null;
  /** How the first estimates of its latest 256 operations turned out; null: none has finished. */
  readonly estimate_accuracy: {
    readonly samples: number;
    /** Share that finished by `completes_by`; the target is 0.9. */
    readonly within_bound: number;
    /**
     * Median of how far off `completes_at` was, divided by the time from the estimate to the end.
     */
    readonly error_median: number;
  } | null;
};

/** `GET /tasks`. */
export type WireTaskList = { readonly tasks: readonly WireTask[] };

/** application/problem+json, RFC 9457. */
export type WireProblem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly errors?: readonly FieldError[];
  /** The operation's status address, in the recorded problem of an operation. */
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

/**
 * Sent in the feed: how many operations are in each status; `completed` and `failed` since the
 * store was made.
 */
export type WireFeedTick = Readonly<Record<OperationStatus, number>>;

/** Sent in the feed: at least so many changes were left out. */
export type WireFeedGap = { readonly missed: number };

/** `GET /whoami`: what the token of a request may do. */
export type WireWhoami = {
  /** null: the token has no name, or no token is required. */
  readonly name: string | null;
  /** The token's scopes and those that they imply. */
  readonly scopes: readonly Scope[];
  /** Whether a token is required. */
  readonly secured: boolean;
};

/** `GET /stats`: present and past figures, over all processes. */
export type WireStats = {
  readonly generated_at: string;
  readonly window_seconds: number;
  readonly bucket_seconds: number;
  /** The single worst problem, in a sentence. */
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
  /** When the operation that waits longest could have run; null: none waits. */
  readonly oldest_pending_at: string | null;
  /** Processes that run operations, by their heartbeats. */
  readonly workers: { readonly live: number; readonly busy: number; readonly slots: number };
  /** Oldest first, without gaps. Best effort: a crash loses some seconds of them. */
  readonly buckets: readonly WireStatsBucket[];
};

/** Figures for one stretch of time, `bucket_seconds` long. */
export type WireStatsBucket = {
  /** When it begins. */
  readonly at: string;
  readonly submitted: number;
  /** Number of first attempts that began. */
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** How many of `failed` ended before any attempt began. */
  readonly unstarted: number;
  readonly failed_by_code: Readonly<Record<string, number>>;
  /**
   * How long operations whose first attempt began had waited since they could have run; null: none
   * began.
   */
  readonly wait_ms: WireQuantiles | null;
  /** How long the last attempt of operations that ended took; null: none ended. */
  readonly run_ms: WireQuantiles | null;
  /** false: its figures may still grow. */
  readonly complete: boolean;
};

/** Quantiles in ms, right to about an eighth. */
export type WireQuantiles = { readonly p50: number; readonly p95: number; readonly p99: number };

/** A process on the store, as its heartbeats describe it. */
export type WireWorker = {
  /** It is also recorded as the worker of the leases it holds. */
  readonly id: string;
  /** api: accepts and answers. worker: runs attempts and sends webhooks. */
  readonly roles: readonly ('api' | 'worker')[];
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly started_at: string;
  readonly heartbeat_at: string;
  /**
   * draining: the process is stopping and takes no more operations. dead: its heartbeat is missing;
   * shown for an hour.
   */
  readonly state: 'live' | 'draining' | 'dead';
  /** Attempts running in the process, of at most `slots`. */
  readonly busy: number;
  readonly slots: number;
  /**
   * 99th percentile of the delay of its event loop in the last seconds; null: not measured (yet).
   */
  readonly event_loop_lag_ms: number | null;
  /** The tasks that it runs. */
  readonly tasks: readonly string[];
};

/** `GET /workers`: the processes on the store, oldest first. */
export type WireWorkerList = { readonly workers: readonly WireWorker[] };

/** `GET /`: the addresses of everything else. */
export type WireIndex = {
  readonly name: 'raincheck';
  readonly version: string;
  readonly operations_url: string;
  readonly tasks_url: string;
  readonly openapi_url: string;
  readonly arazzo_url: string;
  /** Documentation for people. */
  readonly docs_url: string;
  readonly health_url: string;
  /** Absent where no webhooks are sent. */
  readonly webhook_endpoints_url?: string;
  readonly webhook_deliveries_url?: string;
  /** The addresses to POST to, by task. */
  readonly submit_urls: Readonly<Record<string, string>>;
};
