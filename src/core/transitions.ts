import { limits } from './limits.ts';
import {
  isFinal,
  type EndedAttempt,
  type Operation,
  type OperationError,
  type Progress,
  type Result,
  waitingState,
} from './operation.ts';

/**
 * The state machine of an operation, whole and pure. A store reads and locks the row, calls `decide`,
 * and writes what it returns; where one UPDATE must do it all, its WHERE repeats a rule of this file and
 * the conformance suite pins the two together.
 *
 *   scheduled --due--> ready --claimed--> running --completed--> completed
 *       ^               ^  \--parked--> parked --unparked--> ready
 *       |               |                  |
 *       |               +--released, lease_expired (again, uncounted)
 *       +---------------+--attempt_failed (again, after the back-off)
 *                                          +--attempt_failed (last), lease_expired (third) --> failed
 *   any state that is not final --cancel_requested, waited_too_long--> failed
 *   (running + cancel_requested only notes the wish: the worker ends the attempt)
 *
 * The fence: an event that carries a token changes nothing unless the operation is running under that
 * very token; then the answer is `lost`. A final operation is never changed by any event.
 */
export type OperationEvent =
  | { readonly type: 'due' }
  | { readonly type: 'parked' }
  | { readonly type: 'unparked' }
  | {
      readonly type: 'claimed';
      readonly worker: string;
      readonly token: string;
      readonly leaseMs: number;
    }
  | {
      readonly type: 'extended';
      readonly token: string;
      readonly leaseMs: number;
      /** null leaves the progress as it is. */
      readonly progress: Progress | null;
    }
  | { readonly type: 'completed'; readonly token: string; readonly result: Result }
  | {
      readonly type: 'attempt_failed';
      readonly token: string;
      readonly error: OperationError;
      /** null: this attempt was the last (core/retry.ts). */
      readonly retryAt: number | null;
    }
  /** The worker stops and hands the attempt back; it is not counted. */
  | { readonly type: 'released'; readonly token: string }
  | {
      readonly type: 'lease_expired';
      /** An operation that lost this many workers fails: its handler may be what ends them. */
      readonly recoveriesMax: number;
      readonly own?: OwnTasks | undefined;
      /** The holder is known to be dead, e.g. a former process on a single-process store. */
      readonly workerDead: boolean;
      /**
       * The holder was ended to make way for another process, not by what it ran, so its attempt
       * counts as `released`. Default false.
       */
      readonly workerReplaced?: boolean | undefined;
    }
  | { readonly type: 'cancel_requested' }
  /** No attempt runs, and `waitUntil` or `deadlineAt` has passed. */
  | { readonly type: 'waited_too_long' };

/**
 * Tasks of Raincheck itself. None of them ends its process, and each resumes where it was cut off.
 * If they lose workers, another handler is the cause, so they tolerate more losses.
 */
export type OwnTasks = {
  readonly names: ReadonlySet<string>;
  /** Replaces the event's own `recoveriesMax`. */
  readonly recoveriesMax: number;
};

/**
 * The result of an event. `applied`: write the operation whole, in one commit; otherwise write
 * nothing.
 */
export type Decision =
  | {
      readonly outcome: 'applied';
      readonly operation: Operation;
      /** Record it in the same commit as the operation. */
      readonly ended: EndedAttempt | null;
    }
  /** Fenced off: another worker holds the lease, or the operation is final. */
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'unchanged' };

const lost: Decision = { outcome: 'lost' };
const unchanged: Decision = { outcome: 'unchanged' };

/** What `event` does to `operation` at `now`. Never throws, never mutates. */
export function decide(operation: Operation, event: OperationEvent, now: number): Decision {
  switch (event.type) {
    case 'due':
      return due(operation, now);
    case 'parked':
      return operation.state === 'ready' ? moved(operation, 'parked') : unchanged;
    case 'unparked':
      return operation.state === 'parked' ? moved(operation, 'ready') : unchanged;
    case 'claimed':
      return operation.state === 'ready' ? claimed(operation, event, now) : lost;
    case 'extended':
      return holds(operation, event.token) ? extended(operation, event, now) : lost;
    case 'completed':
      return holds(operation, event.token) ? completed(operation, event.result, now) : lost;
    case 'attempt_failed':
      return holds(operation, event.token) ? attemptFailed(operation, event, now) : lost;
    case 'released':
      return holds(operation, event.token) ? released(operation, now) : lost;
    case 'lease_expired':
      return leaseExpired(operation, event, now);
    case 'cancel_requested':
      return cancelRequested(operation, now);
    case 'waited_too_long':
      return waitedTooLong(operation, now);
  }
}

/** Whether `token` currently holds the lease of a running operation. */
export function holds(operation: Operation, token: string): boolean {
  return operation.state === 'running' && operation.lease?.token === token;
}

/**
 * Whether `instant` is past. An instant further ahead than any legal delay comes from a wrong
 * clock, so it counts as past.
 */
export function isPast(instant: number, now: number, legalDelayMs: number): boolean {
  return instant <= now || instant > now + legalDelayMs;
}

/** For a change that no client can see: the version stays. */
function moved(operation: Operation, state: 'ready' | 'parked'): Decision {
  return { outcome: 'applied', operation: { ...operation, state }, ended: null };
}

function due(operation: Operation, now: number): Decision {
  if (operation.state !== 'scheduled') return unchanged;
  return isPast(operation.readyAt, now, limits.delayMsMax) ? moved(operation, 'ready') : unchanged;
}

function claimed(
  operation: Operation,
  event: { worker: string; token: string; leaseMs: number },
  now: number,
): Decision {
  return {
    outcome: 'applied',
    operation: {
      ...operation,
      state: 'running',
      version: operation.version + 1,
      attempt: operation.attempt + 1,
      startedAt: operation.startedAt ?? now,
      attemptStartedAt: now,
      waitUntil: null,
      progress: null,
      lease: { token: event.token, worker: event.worker, expiresAt: now + event.leaseMs },
    },
    ended: null,
  };
}

function extended(
  operation: Operation,
  event: { leaseMs: number; progress: Progress | null },
  now: number,
): Decision {
  const lease = operation.lease && { ...operation.lease, expiresAt: now + event.leaseMs };
  const next =
    event.progress === null
      ? { ...operation, lease }
      : { ...operation, lease, progress: event.progress, version: operation.version + 1 };
  return { outcome: 'applied', operation: next, ended: null };
}

function completed(operation: Operation, result: Result, now: number): Decision {
  return {
    outcome: 'applied',
    operation: {
      ...operation,
      state: 'completed',
      version: operation.version + 1,
      finishedAt: now,
      expiresAt: now + operation.retentionMs,
      lease: null,
      result,
    },
    ended: null,
  };
}

function attemptFailed(
  operation: Operation,
  event: { error: OperationError; retryAt: number | null },
  now: number,
): Decision {
  if (operation.cancelRequestedAt !== null) {
    return failed(operation, cancelledError, { now, outcome: 'failed' });
  }
  const { retryAt } = event;
  if (retryAt === null || (operation.deadlineAt !== null && retryAt >= operation.deadlineAt)) {
    return failed(operation, event.error, { now, outcome: 'failed' });
  }
  return waitsAgain(operation, {
    now,
    readyAt: retryAt,
    counted: true,
    ended: endedAttempt(operation, { now, outcome: 'failed', error: event.error, retryAt }),
  });
}

function released(operation: Operation, now: number): Decision {
  if (operation.cancelRequestedAt !== null) {
    return failed(operation, cancelledError, { now, outcome: 'released' });
  }
  // Keeping the old readyAt keeps its place at the head of the queue.
  const { readyAt } = operation;
  return waitsAgain(operation, {
    now,
    readyAt: Math.min(readyAt, now),
    counted: false,
    ended: endedAttempt(operation, { now, outcome: 'released', error: null, retryAt: now }),
  });
}

function leaseExpired(
  operation: Operation,
  event: Extract<OperationEvent, { type: 'lease_expired' }>,
  now: number,
): Decision {
  if (operation.state !== 'running' || operation.lease === null) return unchanged;
  if (!event.workerDead && !isPast(operation.lease.expiresAt, now, limits.leaseMsMax)) {
    return unchanged;
  }
  if (event.workerReplaced === true) return released(operation, now);
  const recovered = { ...operation, recoveries: operation.recoveries + 1 };
  if (operation.cancelRequestedAt !== null) {
    return failed(recovered, cancelledError, { now, outcome: 'lost' });
  }
  const { own } = event;
  const recoveriesMax =
    own?.names.has(operation.task) === true ? own.recoveriesMax : event.recoveriesMax;
  if (recovered.recoveries >= recoveriesMax) {
    return failed(recovered, workerLostError(recovered.recoveries), { now, outcome: 'lost' });
  }
  if (operation.deadlineAt !== null && operation.deadlineAt <= now) {
    return failed(recovered, deadlineError, { now, outcome: 'lost' });
  }
  return waitsAgain(recovered, {
    now,
    readyAt: Math.min(operation.readyAt, now),
    counted: false,
    ended: endedAttempt(operation, { now, outcome: 'lost', error: null, retryAt: now }),
  });
}

function cancelRequested(operation: Operation, now: number): Decision {
  if (isFinal(operation.state)) return unchanged;
  if (operation.state !== 'running') {
    return failed({ ...operation, cancelRequestedAt: now }, cancelledError, { now });
  }
  if (operation.cancelRequestedAt !== null) return unchanged;
  const next = { ...operation, cancelRequestedAt: now, version: operation.version + 1 };
  return { outcome: 'applied', operation: next, ended: null };
}

function waitedTooLong(operation: Operation, now: number): Decision {
  if (isFinal(operation.state) || operation.state === 'running') return unchanged;
  if (operation.deadlineAt !== null && operation.deadlineAt <= now) {
    return failed(operation, deadlineError, { now });
  }
  if (operation.waitUntil !== null && operation.waitUntil <= now) {
    return failed(operation, queueTimeoutError, { now });
  }
  return unchanged;
}

/** Makes the operation final. `outcome` is that of the running attempt; absent when none runs. */
function failed(
  operation: Operation,
  error: OperationError,
  p: { now: number; outcome?: EndedAttempt['outcome'] },
): Decision {
  return {
    outcome: 'applied',
    operation: {
      ...operation,
      state: 'failed',
      version: operation.version + 1,
      finishedAt: p.now,
      expiresAt: p.now + operation.retentionMs,
      lease: null,
      error,
    },
    ended:
      p.outcome === undefined
        ? null
        : endedAttempt(operation, { now: p.now, outcome: p.outcome, error, retryAt: null }),
  };
}

function waitsAgain(
  operation: Operation,
  p: { now: number; readyAt: number; counted: boolean; ended: EndedAttempt },
): Decision {
  return {
    outcome: 'applied',
    operation: {
      ...operation,
      state: waitingState(p.readyAt, p.now),
      version: operation.version + 1,
      attempt: p.counted ? operation.attempt : operation.attempt - 1,
      attemptStartedAt: null,
      lease: null,
      progress: null,
      readyAt: p.readyAt,
    },
    ended: p.ended,
  };
}

function endedAttempt(
  operation: Operation,
  p: {
    now: number;
    outcome: EndedAttempt['outcome'];
    error: OperationError | null;
    retryAt: number | null;
  },
): EndedAttempt {
  return {
    operationId: operation.id,
    number: operation.attempt,
    worker: operation.lease?.worker ?? '',
    startedAt: operation.attemptStartedAt ?? p.now,
    endedAt: p.now,
    outcome: p.outcome,
    error: p.error,
    retryAt: p.retryAt,
  };
}

const plain = { name: null, status: null, type: null, title: null } as const;

export const cancelledError: OperationError = {
  ...plain,
  code: 'cancelled',
  detail: 'The operation was cancelled.',
};

export const deadlineError: OperationError = {
  ...plain,
  code: 'deadline_exceeded',
  detail: 'The operation did not finish before its deadline.',
};

export const queueTimeoutError: OperationError = {
  ...plain,
  code: 'queue_timeout',
  detail: 'No attempt started before the queue timeout.',
};

function workerLostError(recoveries: number): OperationError {
  return {
    ...plain,
    code: 'worker_lost',
    detail: `The worker was lost during ${recoveries} attempts; the handler, or one that ran beside it, may end its process.`,
  };
}
