import type { WebhookTarget } from './delivery.ts';
import type { OutcomeCode } from './errors.ts';

/**
 * What an operation is inside: six states, so that a claim never looks at a row it may not take; a client sees four.
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
/** One of operationStates; clients are told the OperationStatus that it belongs to. */
export type OperationState = (typeof operationStates)[number];

/** What a client can be told, in the order of an operation's life. */
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
  /** Who it belongs to; '' while there is only one tenant. */
  readonly tenant: string;
  readonly state: OperationState;
  /** Counts up with every change that a client can see: the source of the ETag. */
  readonly version: number;
  readonly createdAt: number;
  /** Start of the first attempt. */
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** When status and result are forgotten: set with the final state to finishedAt + retentionMs. */
  readonly expiresAt: number | null;
  readonly retentionMs: number;
  /** Number of the latest attempt, 0 before the first. Lost and handed-back attempts are not counted. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** Attempts that ended because their worker was lost; capped apart from `attemptsMax`. */
  readonly recoveries: number;
  /** Start of the running attempt. */
  readonly attemptStartedAt: number | null;
  /** Held by the running attempt, null otherwise. Every write of a worker is fenced by the token. */
  readonly lease: Lease | null;
  /** Higher goes first, -100..100; equal ones by readyAt, then id. */
  readonly priority: number;
  /** Not claimed before this instant. */
  readonly readyAt: number;
  /** Fails with `queue_timeout` when no attempt has started by then; null once one has. */
  readonly waitUntil: number | null;
  /** Fails with `deadline_exceeded` when not finished by then. */
  readonly deadlineAt: number | null;
  /** Operations of one task with the same key share `concurrency.limit` slots. */
  readonly concurrencyKey: string | null;
  readonly progress: Progress | null;
  readonly cancelRequestedAt: number | null;
  /** Why it failed; null in every other state. */
  readonly error: OperationError | null;
  /** What it produced; null in every state but completed. */
  readonly result: Result | null;
  readonly labels: Readonly<Record<string, string>>;
  /** The failed operation that this one repeats. */
  readonly retryOf: string | null;
  /** W3C trace context of the submitting request. */
  readonly traceparent: string | null;
  /** What the request asked to be told; null: nothing. Registered endpoints are not in it. */
  readonly webhook: WebhookTarget | null;
};

/** A worker's hold on an attempt, until `expiresAt` unless it is extended; then a sweep recovers the attempt. */
export type Lease = {
  /** Unique for every claim. */
  readonly token: string;
  readonly worker: string;
  readonly expiresAt: number;
};

/** What the latest attempt reported last; gone once another is to follow it. */
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
  /** What the handler chose for the recorded problem; null leaves it to the error table. */
  readonly status: number | null;
  readonly type: string | null;
  readonly title: string | null;
};

/** What is known of a result, its bytes apart. */
export type Result = {
  readonly contentType: string;
  /** Filename for Content-Disposition; null for JSON results. */
  readonly name: string | null;
  readonly sizeBytes: number;
  /** Strong validator with its quotes, e.g. `"r-3q2+7w"`. */
  readonly etag: string;
  /** The JSON text itself when it is JSON of at most `limits.resultInlineBytes`; else the bytes are stored apart. */
  readonly inline: string | null;
};

/**
 * An attempt that ended without completing its operation. A completed operation's last attempt has no
 * such record: the operation itself tells it (attempt, attemptStartedAt, finishedAt). That saves a row
 * for every operation that works at the first try.
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

/** What a client calls the state. */
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

/** Whether it has ended: no event changes it any more. */
export function isFinal(state: OperationState): state is 'completed' | 'failed' {
  return state === 'completed' || state === 'failed';
}

/** The states a client's filter `status=…` stands for. */
export function statesOf(status: OperationStatus): readonly OperationState[] {
  return operationStates.filter((state) => statusOf(state) === status);
}

/** The order of claims, over all tasks: priority, then the longest ready, then id. */
export function claimedBefore(a: Operation, b: Operation): boolean {
  if (a.priority !== b.priority) return a.priority > b.priority;
  if (a.readyAt !== b.readyAt) return a.readyAt < b.readyAt;
  return a.id < b.id;
}

/** An operation, new or to be tried again, waits for `readyAt`, or is ready at once. */
export function waitingState(readyAt: number, now: number): 'scheduled' | 'ready' {
  return readyAt > now ? 'scheduled' : 'ready';
}
