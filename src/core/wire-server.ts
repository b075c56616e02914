import type { ErrorCode, FieldError } from './errors.ts';
import type { Health } from './health.ts';
import type { OperationStatus } from './operation.ts';
import type { Scope } from './scope.ts';

/** `GET /tasks/{name}`: a task, its limits and what is known of its operations. null among the limits: none. */
export type WireTask = {
  readonly name: string;
  /** Where to POST. */
  readonly path: string;
  readonly description: string | null;
  readonly paused: boolean;
  /** Members of the input that are shown as "[redacted]", like `input.apiKey`. */
  readonly redact: readonly string[];
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
  /** What its latest 144 operations took from start to end, later ones counting more; null: fewer than 4 have finished. */
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

/** Of the feed: how many operations there are in each status; `completed` and `failed` since the store was made. */
export type WireFeedTick = Readonly<Record<OperationStatus, number>>;

/** Of the feed: at least so many changes were not told. */
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

/** How it went in one stretch of time, `bucket_seconds` long. */
export type WireStatsBucket = {
  /** When it begins. */
  readonly at: string;
  readonly submitted: number;
  /** First attempts that began. */
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** Of those that failed: before any attempt began. */
  readonly unstarted: number;
  readonly failed_by_code: Readonly<Record<string, number>>;
  /** Of first attempts that began: how long after they could have. null: none did. */
  readonly wait_ms: WireQuantiles | null;
  /** Of operations that ended: how long their last attempt took. */
  readonly run_ms: WireQuantiles | null;
  /** false: something may still be added to it. */
  readonly complete: boolean;
};

/** Quantiles in ms, right to about an eighth. */
export type WireQuantiles = { readonly p50: number; readonly p95: number; readonly p99: number };

/** A process on the store, by its heartbeats. */
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
  readonly arazzo_url: string;
  /** For people. */
  readonly docs_url: string;
  readonly health_url: string;
  /** Absent where no webhooks are sent. */
  readonly webhook_endpoints_url?: string;
  readonly webhook_deliveries_url?: string;
  /** Where to POST, by task. */
  readonly submit_urls: Readonly<Record<string, string>>;
};
