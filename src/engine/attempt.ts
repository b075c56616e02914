import { formatDuration } from '../core/duration.ts';
import { RaincheckError, type ErrorCode } from '../core/errors.ts';
import { nextProgress, type ProgressReport } from '../core/progress.ts';
import type { Operation, OperationError, Progress } from '../core/operation.ts';
import { cancelledError, deadlineError } from '../core/transitions.ts';
import { plainError } from './handler-error.ts';
import type { LogBuffer } from './log-buffer.ts';
import type { Task } from './task.ts';

/** The reason why a handler is told to stop before it is done. */
export type AbortCause = 'timeout' | 'deadline' | 'cancel' | 'lost' | 'stop';

/**
 * One attempt in this process: the struct that the executor's steps pass on.
 *
 *   running --abort(cause)--> aborting --handler returned, threw or ran out of grace--> settling --> ended
 *      \--handler returned or threw-----------------------------------------------------/
 *
 * `settling` is entered once; whatever the handler does later is dropped. An attempt aborted as
 * `lost` goes from aborting to ended: another worker holds its lease, so nothing is written.
 */
export class Attempt {
  readonly operation: Operation;
  readonly inputText: string;
  readonly task: Task;
  readonly token: string;
  readonly startedAt: number;
  /** When the lease was last taken or extended. */
  leasedAt: number;
  phase: 'running' | 'aborting' | 'settling' | 'ended' = 'running';
  cause: AbortCause | null = null;
  /**
   * By the clock's elapsed(): when the handler is told to stop for its timeout, and when it is
   * given up after its grace.
   */
  timeoutAt: number;
  graceEndsAt = Infinity;
  /** Its handler still ran when the grace was over. */
  graceOutlived = false;
  /** An instant, unlike the two above. */
  readonly deadlineAt: number;
  /** Stops the handler by force; null unless it is isolated. */
  kill: (() => void) | null = null;
  /** Passes an abort on to a handler in another thread. */
  forwardAbort: ((cause: AbortCause) => void) | null = null;

  progress: Progress | null = null;
  progressUnsent = false;
  /** Progress is not sent again before this instant. */
  progressDueAt = -Infinity;

  /** null: the handler has logged nothing. */
  logs: LogBuffer | null = null;

  #controller: AbortController | null = null;
  #reason: RaincheckError | null = null;

  constructor(p: {
    operation: Operation;
    input: string;
    task: Task;
    now: number;
    /** elapsed() of the clock; 0 will do where no timeout is watched. */
    elapsed: number;
  }) {
    this.operation = p.operation;
    this.inputText = p.input;
    this.task = p.task;
    this.token = p.operation.lease?.token ?? '';
    this.startedAt = p.now;
    this.leasedAt = p.now;
    this.timeoutAt = p.elapsed + (p.task.timeoutMs ?? Infinity);
    this.deadlineAt = p.operation.deadlineAt ?? Infinity;
  }

  /** Starts the timeout now, because the handler starts now. */
  handlerStarts(elapsed: number): void {
    this.timeoutAt = elapsed + (this.task.timeoutMs ?? Infinity);
  }

  /** Whether the handler may still run and its outcome counts. */
  get live(): boolean {
    return this.phase === 'running' || this.phase === 'aborting';
  }

  /** Whether this process should still extend the lease. */
  get leased(): boolean {
    return this.phase !== 'ended' && this.cause !== 'lost';
  }

  /** Made when first asked for: a handler that never uses it costs none. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#reason !== null) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /**
   * Tells the handler to stop; false when it was told before or is done. `lost` overrides an
   * earlier cause.
   */
  abort(cause: AbortCause): boolean {
    if (this.phase === 'aborting' && cause === 'lost' && this.cause !== 'lost') {
      this.cause = 'lost';
      return false;
    }
    if (this.phase !== 'running') return false;
    this.phase = 'aborting';
    this.cause = cause;
    this.#reason = abortReason(cause, this.task);
    this.#controller?.abort(this.#reason);
    this.forwardAbort?.(cause);
    return true;
  }

  /** Whether the deadline or the timeout has passed; null: neither. */
  timeCause(p: { readonly now: number; readonly elapsed: number }): 'timeout' | 'deadline' | null {
    if (this.deadlineAt <= p.now) return 'deadline';
    return this.timeoutAt <= p.elapsed ? 'timeout' : null;
  }

  report(report: ProgressReport, message: string | undefined, now: number): void {
    this.progress = nextProgress({ previous: this.progress, report, message, now });
    this.progressUnsent = true;
  }
}

const reasons: Record<AbortCause, { code: ErrorCode; message: string }> = {
  timeout: { code: 'timeout', message: 'The attempt ran longer than its timeout.' },
  deadline: { code: 'deadline_exceeded', message: deadlineError.detail },
  cancel: { code: 'cancelled', message: cancelledError.detail },
  lost: {
    code: 'lease_lost',
    message: 'The lease was lost: another attempt may run. Nothing this one does is recorded.',
  },
  stop: { code: 'shutting_down', message: 'The worker stops; the operation will run again.' },
};

function abortReason(cause: AbortCause, task: Task): RaincheckError {
  if (cause === 'timeout') return new RaincheckError('timeout', timeoutDetail(task));
  return new RaincheckError(reasons[cause].code, reasons[cause].message);
}

function timeoutDetail(task: Task): string {
  return `The attempt ran longer than its timeout of ${formatDuration(task.timeoutMs ?? 0)}.`;
}

/** The recorded error of an attempt that ended because of `cause`. */
export function abortError(cause: 'timeout' | 'deadline' | 'cancel', task: Task): OperationError {
  if (cause === 'timeout') return plainError('timeout', timeoutDetail(task));
  return cause === 'deadline' ? deadlineError : cancelledError;
}

/** Text to add to an error where the handler did not stop when it was told to. */
export function graceDetail(task: Task, graceMs: number): string {
  const end = task.isolateModule === null ? 'it is no longer waited for' : 'its thread was ended';
  return `Its handler did not stop within the grace of ${formatDuration(graceMs)}, so ${end}.`;
}
