import type { DeliveryState, WebhookEvent } from './delivery.ts';
import type { OutcomeCode } from './errors.ts';
import type { LineLevel } from './log-line.ts';
import type { estimateBases, estimateConfidences, EstimateReason } from './operation-estimate.ts';
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
  /** Start of the latest attempt; null while it waits. */
  readonly attempt_started_at: string | null;
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

/** How the end of an operation gets to the address that its request named. Registered endpoints are not in it: theirs are in the list of deliveries. */
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

/** What the latest attempt reported last. */
export type WireProgress = {
  /** 0..1, never falls within one attempt; null when only a message was reported. */
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

/** An attempt that ended without completing its operation. */
export type WireAttempt = {
  /** From 1. */
  readonly number: number;
  /** failed: the handler threw or ran out of time · lost: its worker was lost · released: handed back at a stop. Only the first is counted. */
  readonly outcome: 'failed' | 'lost' | 'released';
  readonly started_at: string;
  readonly ended_at: string;
  /** code and detail of this attempt's own error. */
  readonly error: { readonly code: OutcomeCode; readonly detail: string } | null;
  /** When the next attempt may start; null: this one was the last. */
  readonly retry_at: string | null;
};

/** What a handler wrote with `log`. */
export type WireLogLine = {
  /** From 1, over all attempts. A gap: the lines before were more than is kept. */
  readonly number: number;
  readonly at: string;
  readonly attempt: number;
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>> | null;
};

/** `GET /operations/{id}/logs`: lines of an operation, in order. */
export type WireLogPage = {
  readonly lines: readonly WireLogLine[];
  /** Pass as `after`: the number of the last line, or what was asked for when there is none. */
  readonly next_after: number;
};

/** `GET /operations`: one page, newest first. */
export type WireOperationPage = {
  readonly operations: readonly WireOperation[];
  /** Pass as `cursor`; null at the end. */
  readonly next_cursor: string | null;
};

/** To POST /operations:batch-cancel, :batch-retry and :batch-remove with `dry_run`. */
export type WireBatchCount = {
  readonly dry_run: true;
  readonly count: number;
  /** false: there may be more. Counted up to 10,000. */
  readonly count_complete: boolean;
  /** Ids of the newest, 10 at most. */
  readonly sample: readonly string[];
};

/** The result of a batch. */
export type WireBatched = {
  /** What the filter found. */
  readonly matched: number;
  /** Cancelled, or asked to; or retried as a new operation; or removed, since the batch was last begun anew. */
  readonly changed: number;
  /** Left alone: it had ended, or was removed, before its turn. */
  readonly skipped: number;
  /** Refused, such as an input that the task does not take any more. */
  readonly failed: number;
};

/** `GET /errors`: failed operations by kind, the most frequent first. */
export type WireErrorGroups = {
  readonly groups: readonly {
    /** Of task, code and detail without numbers, ids and the like: `filter.fingerprint` of a batch-retry. */
    readonly fingerprint: string;
    readonly task: string;
    readonly code: string;
    readonly title: string;
    readonly sample_detail: string;
    readonly count: number;
    /** When they failed: the first of them and the last. */
    readonly first_at: string;
    readonly last_at: string;
    readonly sample_operation_id: string;
  }[];
  /** false: older ones were not looked at. */
  readonly complete: boolean;
};
