import type { DeliveryState, WebhookEvent } from './delivery.ts';
import type { OutcomeCode } from './errors.ts';
import type { LineLevel } from './log-line.ts';
import type { estimateBases, estimateConfidences, EstimateReason } from './operation-estimate.ts';
import type { OperationStatus } from './operation.ts';

/**
 * An operation as it goes over the wire, written by the server and read by the client: snake_case,
 * instants as ISO 8601 in UTC, addresses root-relative with the public base path. Members may be
 * added; readers must ignore those they do not know.
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
  /** Number of the latest attempt, 0 before the first. */
  readonly attempt: number;
  readonly attempts_max: number;
  /** Start of the latest attempt; null while the operation waits. */
  readonly attempt_started_at: string | null;
  /**
   * While it waits for a delayed start or a back-off: it does not start before this instant; else
   * null.
   */
  readonly ready_at: string | null;
  readonly deadline_at: string | null;
  readonly priority: number;
  readonly progress: WireProgress | null;
  /** null once the operation is final. */
  readonly estimate: WireEstimate | null;
  readonly status_url: string;
  /** null until the operation is completed. */
  readonly result_url: string | null;
  /** null once the operation is final. */
  readonly cancel_url: string | null;
  /** Address of the operation's server-sent events. */
  readonly events_url: string;
  readonly cancel_requested_at: string | null;
  readonly error: WireOperationError | null;
  /**
   * Attempts that ended so far, if there are any and the operation has not failed (then they are in
   * `error`); absent in lists.
   */
  readonly attempts?: readonly WireAttempt[];
  /** The result itself when it is JSON of at most 16 KiB; absent otherwise, and in lists. */
  readonly result?: unknown;
  readonly labels: Readonly<Record<string, string>>;
  /** The failed operation that this one repeats. */
  readonly retry_of: string | null;
  /**
   * How the end is delivered to the address that the request named; null: it named none. Absent in
   * lists.
   */
  readonly webhook?: WireOperationWebhook | null;
};

/**
 * How the end of an operation is delivered to the address that its request named. Deliveries to
 * registered endpoints are not included; the list of deliveries has them.
 */
export type WireOperationWebhook = {
  /** The address without its query, which may hold a secret of the receiver. */
  readonly url: string;
  readonly events: readonly WebhookEvent[];
  /**
   * State of the delivery that announces the end. `waiting`: the operation is not final yet.
   * `none`: there is no such delivery, because its event was not asked for or its record was
   * pruned.
   */
  readonly state: 'waiting' | 'none' | DeliveryState;
  readonly delivery_id: string | null;
  readonly attempts: number;
  /** HTTP status and error class of the latest attempt that ended. */
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  /** The reason for that time, or why there is none. */
  readonly next_attempt_reason: string | null;
  readonly delivery_url: string | null;
};

/** The latest report of the latest attempt. */
export type WireProgress = {
  /** 0..1, never falls within one attempt; null when only a message was reported. */
  readonly fraction: number | null;
  readonly message: string | null;
  readonly current: number | null;
  readonly total: number | null;
  readonly updated_at: string;
};

/**
 * When the operation is expected to end. Instants are kept until they would move by more than a
 * tenth of what is left.
 */
export type WireEstimate = {
  /**
   * The expected start, or the actual one once it has started. This and the next two are null when
   * nothing is known: see `reason`.
   */
  readonly starts_at: string | null;
  /** Median. */
  readonly completes_at: string | null;
  /** Nine of ten operations end by then. */
  readonly completes_by: string | null;
  /** Operations ahead of it; null: not known. */
  readonly queue_position: number | null;
  /** What the estimate is based on. */
  readonly basis: (typeof estimateBases)[number];
  /** Number of finished operations that it rests on. */
  readonly samples: number;
  /** low: fewer than 100 operations of the task have finished. */
  readonly confidence: (typeof estimateConfidences)[number];
  /** It has run longer than nine of ten did, or longer than a bound given before. Else absent. */
  readonly longer_than_usual?: true;
  /** Why nothing is known. Absent otherwise. */
  readonly reason?: EstimateReason;
};

/** The recorded problem (members of RFC 9457 and `code`), with the attempts before it. */
export type WireOperationError = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: OutcomeCode;
  /** Every attempt with its own error; absent in lists. */
  readonly attempts?: readonly WireAttempt[];
};

/** An attempt that ended without completing its operation. */
export type WireAttempt = {
  /** From 1. */
  readonly number: number;
  /**
   * failed: the handler threw or ran out of time · lost: its worker was lost · released: handed
   * back at a stop. Only `failed` counts against attempts_max.
   */
  readonly outcome: 'failed' | 'lost' | 'released';
  readonly started_at: string;
  readonly ended_at: string;
  /** code and detail of this attempt's own error. */
  readonly error: { readonly code: OutcomeCode; readonly detail: string } | null;
  /** When the next attempt may start; null: this one was the last. */
  readonly retry_at: string | null;
};

/** A line that a handler wrote with `log`. */
export type WireLogLine = {
  /** From 1, over all attempts. A gap means that more lines were written than are kept. */
  readonly number: number;
  readonly at: string;
  readonly attempt: number;
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | null;
};

/** `GET /operations/{id}/logs`: log lines of an operation, in order. */
export type WireLogPage = {
  readonly lines: readonly WireLogLine[];
  /**
   * Pass it as `after`: the number of the last line, or the requested `after` when there is none.
   */
  readonly next_after: number;
};

/** `GET /operations`: one page, newest first. */
export type WireOperationPage = {
  readonly operations: readonly WireOperation[];
  /** Pass it as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** Answer to POST /operations:batch-cancel, :batch-retry and :batch-remove with `dry_run`. */
export type WireBatchCount = {
  readonly dry_run: true;
  readonly count: number;
  /** false: there may be more. Counting stops at 10,000. */
  readonly count_complete: boolean;
  /** Ids of the newest ones, at most 10. */
  readonly sample: readonly string[];
};

/** The result of a batch. */
export type WireBatched = {
  /** Operations that the filter found. */
  readonly matched: number;
  /**
   * Operations cancelled or asked to cancel, retried as new ones, or removed, since the batch was
   * last begun anew.
   */
  readonly changed: number;
  /** Operations left alone because they had ended, or were removed, before their turn. */
  readonly skipped: number;
  /** Operations refused, for example because the task no longer accepts their input. */
  readonly failed: number;
};

/** `GET /errors`: failed operations by kind, the most frequent first. */
export type WireErrorGroups = {
  readonly groups: readonly {
    /**
     * Made from the task, the code and the detail without numbers, ids and the like;
     * `filter.fingerprint` of a batch-retry takes it.
     */
    readonly fingerprint: string;
    readonly task: string;
    readonly code: string;
    readonly title: string;
    readonly sample_detail: string;
    readonly count: number;
    /** When the first and the last of them failed. */
    readonly first_at: string;
    readonly last_at: string;
    readonly sample_operation_id: string;
  }[];
  /** false: older ones were not examined. */
  readonly complete: boolean;
};
