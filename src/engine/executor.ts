import { elapsedClock, type Clock } from '../core/clock.ts';
import { formatDuration } from '../core/duration.ts';
import type { OperationError } from '../core/operation.ts';
import { nextRetryAt } from '../core/retry.ts';
import type { Settlement } from '../store/store.ts';
import { Alarm } from './alarm.ts';
import { abortError, graceDetail, type AbortCause, type Attempt } from './attempt.ts';
import { attemptFields, type ContextParts } from './handler-context.ts';
import { plainError } from './handler-error.ts';
import type { HandlerProduct } from './handler-result.ts';
import type { Logger } from './logger.ts';
import { runHandler } from './run-handler.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { Settler } from './settler.ts';

/** Smaller delays are normal for timers on a busy machine. */
const lateMsWarned = 100;

/** Time for the starts of handlers in one turn of the event loop. */
const turnMsMax = 10;

type ExecutorParts = {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly graceMs: number;
  readonly running: RunningAttempts;
  readonly settler: Settler;
  readonly sendLastProgress: (attempt: Attempt) => void;
  readonly context: ContextParts;
  /** Runs the handler in a worker thread. Never rejects. */
  readonly runIsolated: (attempt: Attempt) => Promise<HandlerProduct>;
};

/**
 * Runs attempts. Each goes through the same steps over one struct (attempt.ts): input text → value
 * → validated → handler → product → settlement. One shared alarm watches them all: when the time of
 * an attempt is up it aborts, and when its grace is over it settles without the handler.
 *
 * Once an attempt is aborted for its time or by a cancellation, that outcome stands, whatever the
 * handler still returns: a timeout that needed the handler's agreement would be none. At a stop the
 * handler's result is accepted as long as the process waits for it.
 *
 * Measured: 34 µs of CPU for a no-op operation from submit to completed, engine and memory store
 * together, 100 in flight (42 µs with a waitFor on each; 100 µs one at a time). Node 24.21, one of
 * 2 shared cores, 50,000 operations after 10,000 to warm up, process.cpuUsage(). About a quarter is
 * garbage collection.
 */
export class Executor {
  readonly #p: ExecutorParts;
  readonly #elapsed: Pick<Clock, 'now'>;
  /**
   * For timeouts and graces, which are lengths of time; deadlines are instants, and the machine's
   * clock may be set meanwhile.
   */
  readonly #alarm: Alarm;
  readonly #deadlines: Alarm;
  #starting: Attempt[] = [];

  constructor(p: ExecutorParts) {
    this.#p = p;
    const elapsed = elapsedClock(p.clock);
    this.#elapsed = elapsed;
    this.#alarm = new Alarm(elapsed, () => this.#lookAtTime());
    this.#deadlines = new Alarm(p.clock, () => this.#lookAtTime());
  }

  /** Never throws; the attempt has its slot already. */
  execute(attempt: Attempt): void {
    this.#p.running.add(attempt);
    if (attempt.deadlineAt <= attempt.startedAt) {
      attempt.abort('deadline');
      this.#finish(attempt, null);
      return;
    }
    if (attempt.task.isolateModule === null) {
      this.#startSoon(attempt);
      return;
    }
    this.#setAlarms(attempt);
    void this.#run(attempt);
  }

  /**
   * Starts handlers in a turn of their own, all that were claimed together. A handler that blocks
   * would delay everything that is to leave in this turn, most often the 202 of its own operation.
   */
  #startSoon(attempt: Attempt): void {
    this.#starting.push(attempt);
    if (this.#starting.length === 1) setImmediate(() => this.#startAll());
  }

  /**
   * Starts handlers until one has blocked for turnMsMax; the others get the next turn, so that
   * ended attempts are reported and others served meanwhile.
   */
  #startAll(): void {
    const begun = this.#elapsed.now();
    const all = this.#starting.splice(0);
    for (const [i, one] of all.entries()) {
      if (this.#elapsed.now() - begun >= turnMsMax) {
        this.#starting.unshift(...all.slice(i));
        setImmediate(() => this.#startAll());
        return;
      }
      this.#start(one);
    }
  }

  #start(attempt: Attempt): void {
    if (!attempt.live) return;
    if (attempt.deadlineAt <= this.#p.clock.now()) attempt.abort('deadline');
    if (attempt.cause !== null) return this.#finish(attempt, null); // cancelled, lost or stopped before it began
    // An attempt that waited behind blocking handlers still gets its whole timeout.
    attempt.handlerStarts(this.#elapsed.now());
    this.#setAlarms(attempt);
    void this.#run(attempt);
  }

  /** Tells the handler to stop; after the grace its attempt is settled without it. */
  abort(attempt: Attempt, cause: AbortCause): void {
    if (!attempt.abort(cause)) return;
    attempt.graceEndsAt = this.#elapsed.now() + this.#p.graceMs;
    this.#alarm.setEarlier(attempt.graceEndsAt);
  }

  /** Settles without waiting for the handler any longer. */
  giveUp(attempt: Attempt): void {
    attempt.graceOutlived = attempt.graceEndsAt <= this.#elapsed.now();
    attempt.kill?.();
    this.#p.logger.warn(
      { ...attemptFields(attempt), cause: attempt.cause },
      attempt.task.isolateModule === null
        ? 'The handler did not stop in time; its attempt ends without it.'
        : 'The handler did not stop in time; its thread is ended.',
    );
    this.#finish(attempt, null);
  }

  close(): void {
    this.#alarm.clear();
    this.#deadlines.clear();
  }

  async #run(attempt: Attempt): Promise<void> {
    const product =
      attempt.task.isolateModule === null
        ? await runHandler(attempt, this.#p.context)
        : await this.#p.runIsolated(attempt);
    this.#finish(attempt, product);
  }

  /** `product` is null when the handler returned none in time. */
  #finish(attempt: Attempt, product: HandlerProduct | null): void {
    if (!attempt.live) {
      this.#p.logger.warn(
        { ...attemptFields(attempt), cause: attempt.cause },
        'A handler ended after its attempt did; what it gave is dropped.',
      );
      return;
    }
    if (attempt.cause === 'lost') {
      this.#p.logger.warn(attemptFields(attempt), 'The lease was lost; nothing is recorded.');
      this.#p.settler.drop(attempt);
      return;
    }
    this.#countLateness(attempt);
    const settlement = this.#settlement(attempt, product);
    if (settlement.type === 'completed') this.#p.sendLastProgress(attempt);
    this.#p.settler.settle(attempt, settlement);
  }

  /**
   * No timer fires while a handler blocks the event loop: its time may be up although nothing has
   * aborted it.
   */
  #countLateness(attempt: Attempt): void {
    if (attempt.phase !== 'running') return;
    const elapsed = this.#elapsed.now();
    const cause = attempt.timeCause({ now: this.#p.clock.now(), elapsed });
    if (cause === null) return;
    attempt.abort(cause);
    const lateMs = elapsed - attempt.timeoutAt;
    if (cause !== 'timeout' || lateMs < lateMsWarned) return;
    this.#p.logger.warn(
      { ...attemptFields(attempt), late_ms: Math.round(lateMs) },
      `The attempt was over ${formatDuration(lateMs)} after its timeout: a handler kept the event loop busy, so that ` +
        'nothing could stop it, nor answer a request. With `isolate: true` it can be stopped.',
    );
  }

  #settlement(attempt: Attempt, product: HandlerProduct | null): Settlement {
    const { cause, token } = attempt;
    const { id } = attempt.operation;
    if (product?.ok === true && (cause === null || cause === 'stop')) {
      return { type: 'completed', id, token, result: product.result, body: product.body };
    }
    if (cause === 'stop' || cause === 'lost') return { type: 'released', id, token };
    if (cause !== null) {
      return this.#failed(attempt, this.#abortError(cause, attempt), cause === 'timeout');
    }
    if (product === null || product.ok) {
      return this.#failed(attempt, plainError('task_error', 'The handler gave nothing.'), true);
    }
    return this.#failed(attempt, product.error, product.retryable);
  }

  /** If the attempt took longer than its timeout, the error also says what took the rest. */
  #abortError(cause: 'timeout' | 'deadline' | 'cancel', attempt: Attempt): OperationError {
    const error = abortError(cause, attempt.task);
    if (!attempt.graceOutlived) return error;
    return { ...error, detail: `${error.detail} ${graceDetail(attempt.task, this.#p.graceMs)}` };
  }

  #failed(attempt: Attempt, error: OperationError, retryable: boolean): Settlement {
    const { id, attempt: number, attemptsMax } = attempt.operation;
    const retryAt = nextRetryAt({
      policy: attempt.task.retry,
      attempt: number,
      attemptsMax,
      retryable,
      now: this.#p.clock.now(),
      random: this.#p.random(),
    });
    return { type: 'attempt_failed', id, token: attempt.token, error, retryAt };
  }

  /**
   * Looks at every attempt only when the nearest alarm that was ever set comes due. When all end in
   * time, that is once a timeout length, instead of a timer for each attempt.
   */
  #lookAtTime(): void {
    const now = this.#p.clock.now();
    const elapsed = this.#elapsed.now();
    for (const attempt of this.#p.running.all) {
      if (attempt.phase === 'running') {
        const cause = attempt.timeCause({ now, elapsed });
        if (cause !== null) this.abort(attempt, cause);
      } else if (attempt.live && attempt.graceEndsAt <= elapsed) {
        this.giveUp(attempt);
      }
      if (attempt.live) this.#setAlarms(attempt);
    }
  }

  #setAlarms(attempt: Attempt): void {
    if (attempt.phase === 'running') {
      this.#alarm.setEarlier(attempt.timeoutAt);
      this.#deadlines.setEarlier(attempt.deadlineAt);
    } else {
      this.#alarm.setEarlier(attempt.graceEndsAt);
    }
  }
}
