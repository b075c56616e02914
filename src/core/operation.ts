import type { WebhookTarget } from './delivery.ts';
import type { OutcomeCode } from './errors.ts';

/**
 * The six internal states of an operation. With six, a claim never looks at a row that it may not
 * take; a client sees the four statuses on the right.
 *
 *   scheduled  waits for `readyAt`: a delayed start, or the back-off between attempts   pending
 *   ready      may be claimed                                                           pending
 *   parked     its concurrency key has no free slot; made ready when one frees          pending
 *   running    an attempt holds the lease                                               processing
 *   completed, failed   final                                                           completed, failed
 */
export const operationStates = [
  'scheduled',
  'ready',
  'parked',
  'running',
  'completed',
  'failed',
] as const;
/** One of operationStates; clients see the OperationStatus that it belongs to. */
export type OperationState = (typeof operationStates)[number];

/** The statuses that a client can see, in the order of an operation's life. */
export const operationStatuses = ['pending', 'processing', 'completed', 'failed'] as const;
/** What a client sees. `completed` and `failed` are final and never change. */
export type OperationStatus = (typeof operationStatuses)[number];

/**
 * An operation: one request to run a task. This is the record as stored; http/ and client/ turn it
 * into the wire form. Instants are integer milliseconds; null means "not yet" or "none".
 */
export type Operation = {
  readonly id: string;
  readonly task: string;
  /** The tenant it belongs to; '' while there is only one. */
  readonly tenant: string;
  readonly state: OperationState;
  /** Counts up with every change that a client can see: the source of the ETag. */
  readonly version: number;
  readonly createdAt: number;
  /** Start of the first attempt. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** When status and result are removed: set with the final state, to finishedAt + retentionMs. */
  readonly expiresAt: number | null;
  readonly retentionMs: number;
  /** Number of the latest attempt, 0 before the first. Lost and handed-back attempts are not counted. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** Attempts that ended because their worker was lost; capped apart from `attemptsMax`. */
  readonly recoveries: number;
  /** Start of the running attempt; null when none runs. */
  readonly attemptStartedAt: number | null;
  /** Held by the running attempt, null otherwise. Every write of a worker is fenced by the token. */
  readonly lease: Lease | null;
  /** Higher goes first, -100..100; equal priorities are ordered by readyAt, then id. */
  readonly priority: number;
  /** Not claimed before this instant. */
  readonly readyAt: number;
  /**
   * The operation fails with `queue_timeout` when no attempt has started by then; null once one
   * has.
   */
  readonly waitUntil: number | null;
  /** The operation fails with `deadline_exceeded` when it has not finished by then. */
  readonly deadlineAt: number | null;
  /** Operations of one task with the same key share `concurrency.limit` slots. */
  readonly concurrencyKey: string | null;
  readonly progress: Progress | null;
  readonly cancelRequestedAt: number | null;
  /** Why it failed; null in every other state. */
  readonly error: OperationError | null;
  /** The result; null in every state but completed. */
  readonly result: Result | null;
  readonly labels: Readonly<Record<string, string>>;
  /** The failed operation that this one repeats. */
  readonly retryOf: string | null;
  /** W3C trace context of the submitting request. */
  readonly traceparent: string | null;
  /** The webhook that the request asked for; null: none. Registered endpoints are not included. */
  readonly webhook: WebhookTarget | null;
};

/** A worker's hold on an attempt, until `expiresAt` unless it is extended; then a sweep recovers the attempt. */
export type Lease = {
  /** Unique for every claim. */
  readonly token: string;
  readonly worker: string;
  readonly expiresAt: number;
};

/** The latest report of the latest attempt; cleared when another attempt is to follow. */
export type Progress = {
  /** 0..1, never falls within one attempt; null when only a message was reported. */
  readonly fraction: number | null;
  readonly message: string | null;
  readonly current: number | null;
  readonly total: number | null;
  readonly updatedAt: number;
};

/** Why an operation or an attempt failed. */
export type OperationError = {
  readonly code: OutcomeCode;
  /** For people; at most `limits.errorDetailChars`. */
  readonly detail: string;
  /** Class name of what the handler threw. */
  readonly name: string | null;
  /** The handler's choice for the recorded problem; null: the error table decides. */
  readonly status: number | null;
  readonly type: string | null;
  readonly title: string | null;
};

/** Everything about a result except its bytes. */
export type Result = {
  readonly contentType: string;
  /** Filename for Content-Disposition; null for JSON results. */
  readonly name: string | null;
  readonly sizeBytes: number;
  /** Strong validator with its quotes, e.g. `"r-3q2+7w"`. */
  readonly etag: string;
  /**
   * The JSON text itself, when the result is JSON of at most `limits.resultInlineBytes`; null: the
   * bytes are stored separately.
   */
  readonly inline: string | null;
};

/**
 * An attempt that ended without completing its operation. A completed operation has no such record
 * of its last attempt, because its own fields describe it (attempt, attemptStartedAt, finishedAt).
 * That saves a row for every operation that succeeds at the first try.
 */
export type EndedAttempt = {
  readonly operationId: string;
  readonly number: number;
  readonly worker: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** failed: the handler threw or ran out of time · lost: its lease expired · released: handed back at a graceful stop. */
  readonly outcome: 'failed' | 'lost' | 'released';
  readonly error: OperationError | null;
  /** When the next attempt may start; null when this one was the last. */
  readonly retryAt: number | null;
};

/** The status that clients see for `state`. */
export function statusOf(state: OperationState): OperationStatus {
  switch (state) {
    case 'scheduled':
    case 'ready':
    case 'parked':
      return 'pending';
    case 'running':
      return 'processing';
    case 'completed':
    case 'failed':
      return state;
  }
}

/** Whether the operation has ended: no event changes it any more. */
export function isFinal(state: OperationState): state is 'completed' | 'failed' {
  return state === 'completed' || state === 'failed';
}

/** The states a client's filter `status=…` stands for. */
export function statesOf(status: OperationStatus): readonly OperationState[] {
  return operationStates.filter((state) => statusOf(state) === status);
}

/**
 * Whether a claim takes `a` before `b`, over all tasks: by priority, then the longest ready, then
 * id.
 */
export function claimedBefore(a: Operation, b: Operation): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.readyAt !== b.readyAt) return a.readyAt < b.readyAt;
  return a.id < b.id;
}

/** The state of an operation, new or to be tried again, that may run at `readyAt`. */
export function waitingState(readyAt: number, now: number): 'scheduled' | 'ready' {
  return readyAt > now ? 'scheduled' : 'ready';
}
