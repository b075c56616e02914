import {
  isFinal,
  statusOf,
  type Operation,
  type OperationError,
  type Progress,
} from '../core/operation.ts';
import { Estimator } from '../core/estimator/estimator.ts';
import type { PollWait } from '../core/estimator/retry-after.ts';
import { limits } from '../core/limits.ts';
import {
  noEstimate,
  type OperationEstimate,
  type TaskEstimates,
} from '../core/operation-estimate.ts';
import type { Settlement } from '../store/store.ts';
import type { EngineSettings } from './engine-settings.ts';
import { EstimateSnapshots } from './estimate-snapshots.ts';
import { LineExchange } from './line-exchange.ts';
import type { OtherWorkers } from './presence.ts';
import { slotsOf } from './slots.ts';
import type { Task } from './task.ts';

/**
 * Half of what a replay uses: with 64 slots the snapshot then answers for all waiting operations,
 * and a status answer costs 30 us more instead of 100. Over the recorded loads neither the coverage
 * nor the loss differs.
 */
const drawsMax = 4_096;

/** Two questions about one operation within this time get the same answer. */
const sameMs = 5;

/**
 * When operations will end and when to ask again: the estimator, informed of everything that
 * happens here.
 *
 * On a store that one process has to itself that is everything, so the queue is known as a whole;
 * `line` says how far.
 *
 *   reading   the server was just started: the queue is still being read from the store, nothing in it is foreseen
 *   whole     every operation that waits is known
 *   beyond    more operations wait than are kept here; the known ones go first, the others are not foreseen
 *
 * On a store that others share (`shared`) only operations accepted or asked for here are known, to
 * hold and judge their estimates; one process forecasts the waiting operations for all
 * (line-exchange.ts).
 */
export class Estimates {
  readonly #p: EngineSettings;
  readonly #estimator: Estimator;
  readonly #snapshots: EstimateSnapshots | LineExchange;
  readonly #paused = new Set<string>();
  #line: 'shared' | 'reading' | 'whole' | 'beyond';
  #finished = 0;
  /**
   * The operation and the instant of the latest question: the next question about it is answered
   * for the same instant, at no cost.
   */
  #latest = { id: '', at: 0 };
  #isOpen = false;
  /** What the other processes can run; null: not read yet. */
  #others: OtherWorkers | null = null;

  constructor(settings: EngineSettings) {
    this.#p = settings;
    const { random, pollsPerSecond, store, allTasks } = settings;
    this.#estimator = new Estimator({
      random,
      pollsPerSecond,
      drawsMax,
      isShared: !store.capabilities.singleProcess,
      retryAfterMsMax: limits.retryAfterSecondsMax * 1000,
    });
    this.#snapshots = store.capabilities.singleProcess
      ? new EstimateSnapshots(this.#estimator, settings.clock)
      : new LineExchange(settings, this.#estimator);
    this.#line = store.capabilities.singleProcess ? 'reading' : 'shared';
    for (const task of allTasks.values()) this.#setRules(task);
  }

  get estimator(): Estimator {
    return this.#estimator;
  }

  /** How many finished operations it has learned from. */
  get finished(): number {
    return this.#finished;
  }

  get line(): 'shared' | 'reading' | 'whole' | 'beyond' {
    return this.#line;
  }

  set line(line: 'reading' | 'whole' | 'beyond') {
    this.#line = line;
  }

  // These methods set the estimator's surroundings: slots, nodes, pauses.

  /** The worker takes operations from now on. */
  open(): void {
    this.#isOpen = true;
    this.#estimator.setSlots(this.#slots());
  }

  /** From now on the worker takes no operations. */
  close(): void {
    this.#isOpen = false;
    this.#estimator.setSlots(this.#slots());
    this.#snapshots.stop();
  }

  /** Sets what the workers of other processes can run, by their heartbeats. */
  setOthers(others: OtherWorkers): void {
    this.#others = others;
    this.#estimator.setSlots(this.#slots());
    const nodes = Math.max(1, others.apis + (this.#p.node.isApi ? 1 : 0));
    const pollsPerSecond = Math.max(1, Math.floor(this.#p.pollsPerSecond / nodes));
    this.#estimator.setNodes({ pollsPerSecond, nodes });
  }

  setPaused(name: string, paused: boolean): void {
    if (paused) this.#paused.add(name);
    else this.#paused.delete(name);
    const task = this.#p.allTasks.get(name);
    if (task !== undefined) this.#setRules(task);
  }

  // These methods report what happened to an operation, once that is durable.

  submitted(operation: Operation): void {
    if (this.#line === 'beyond') return;
    if (this.#estimator.waiting >= limits.foreseenMax) {
      // On a shared store, operations are known only to judge their estimates.
      if (this.#line !== 'shared') this.#line = 'beyond';
    } else this.#submit(operation);
  }

  started(operation: Operation): void {
    const { id } = operation;
    if (this.#estimator.known(id) === undefined) this.#submit(operation);
    const { startedAt, attemptStartedAt } = operation;
    this.#estimator.onStart({ id, at: startedAt ?? attemptStartedAt ?? this.#p.clock.now() });
  }

  progressed(id: string, { fraction, message, updatedAt }: Progress): void {
    this.#estimator.onProgress({ id, fraction, message, at: updatedAt });
  }

  /** The operation's attempt ended as `settlement` says. */
  settled({ id, readyAt, deadlineAt }: Operation, settlement: Settlement): void {
    const at = this.#p.clock.now();
    switch (settlement.type) {
      case 'completed':
        return this.#finish(id, at);
      case 'released':
        return this.#waitsAgain(id, Math.min(readyAt, at));
      case 'attempt_failed': {
        const { retryAt, error } = settlement;
        if (isCutShort(error)) return this.#estimator.onWithdraw({ id });
        if (retryAt === null || retryAt >= (deadlineAt ?? Infinity)) return this.#finish(id, at);
        return this.#waitsAgain(id, retryAt);
      }
    }
  }

  /** The operation left without running to its end. */
  withdrawn(id: string): void {
    this.#estimator.onWithdraw({ id });
  }

  /**
   * Brings what is known of `operation` in step with its record: at start, after a sweep, or when
   * an event may have been missed.
   */
  align(operation: Operation): void {
    const { id, state, startedAt, readyAt, finishedAt } = operation;
    if (!this.#p.allTasks.has(operation.task)) return this.withdrawn(id);
    // The record may be read before the end is reported: then this reports it.
    if (isFinal(state)) {
      if (finishedAt === null || isCutShort(operation.error)) return this.withdrawn(id);
      return this.#finish(id, finishedAt, this.#line !== 'shared');
    }
    if (state === 'running') return this.started(operation);
    const known = this.#estimator.known(id);
    if (known !== undefined) {
      if (known.holdsSlot) this.#waitsAgain(id, readyAt);
      return;
    }
    this.submitted(operation);
    if (startedAt === null) return;
    this.#estimator.onStart({ id, at: startedAt });
    this.#estimator.onBackOff({ id, readyAt });
  }

  /** The outcome of a write is unknown: reads the operation from the store. */
  async recheck(id: string): Promise<void> {
    try {
      const operation = await this.#p.store.readOperation({ id });
      if (operation === null) this.withdrawn(id);
      else this.align(operation);
    } catch {
      // A later round will read it.
    }
  }

  /** Learns from a record that was just read what other processes did. */
  #see(operation: Operation): void {
    const known = this.#estimator.known(operation.id);
    if (known === undefined) {
      // An unknown operation that runs here is reported by the code that runs it; one that has
      // ended is not missed.
      if (!isFinal(operation.state)) this.align(operation);
      return;
    }
    const { state, progress } = operation;
    if (state !== 'running' || !known.holdsSlot) this.align(operation);
    if (state === 'running' && progress !== null) this.progressed(operation.id, progress);
  }

  // These methods answer questions about an operation.

  /** null: the operation is final. */
  estimate(operation: Operation): OperationEstimate | null {
    if (this.#line === 'shared') this.#see(operation);
    if (isFinal(operation.state)) return null;
    const why = this.#unforeseen(operation);
    if (why !== null) return noEstimate(why);
    const at = this.#p.clock.now();
    this.#latest = { id: operation.id, at };
    const told = this.#with(operation, (id) => this.#estimator.tell({ id, at }));
    // A running operation needs no forecast of the queue, which on a shared store costs a query.
    if (this.#line !== 'shared' || !isRunning(operation)) this.#snapshots.consider(at);
    const placed = isRunning(operation) || this.#estimator.knowsLine(at);
    const queuePosition = placed ? told.queuePosition : null;
    const hasWorker = told.known || told.reason !== 'no_worker';
    if (hasWorker && !isRunning(operation) && this.#paused.has(operation.task)) {
      return noEstimate('task_paused', queuePosition);
    }
    if (!told.known) return noEstimate(reasonOf(told.reason), queuePosition);
    return {
      startsAt: told.startsAt,
      completesAt: told.p50At,
      completesBy: told.p90At,
      queuePosition,
      basis: told.basis,
      samples: told.samples,
      confidence: told.confidence,
      longerThanUsual: told.longerThanUsual,
      reason: null,
    };
  }

  /** When to ask again; takes a place in the poll budget. null: the operation is final. */
  pollWait(operation: Operation): PollWait | null {
    if (isFinal(operation.state)) return null;
    const now = this.#p.clock.now();
    const latest = this.#latest;
    const at = latest.id === operation.id && now - latest.at < sameMs ? latest.at : now;
    const why = this.#unforeseen(operation);
    if (why === 'no_worker' || why === 'queue_too_long') return this.#estimator.retryLate(at);
    return this.#with(operation, (id) => this.#estimator.retryAfter({ id, at }));
  }

  ofTask(task: string): TaskEstimates {
    const durations = this.#estimator.durations(task, [0.5, 0.9]);
    return {
      durations: durations && {
        p50Ms: Math.round(durations.ms[0] ?? 0),
        p90Ms: Math.round(durations.ms[1] ?? 0),
        samples: durations.samples,
      },
      accuracy: this.#estimator.accuracy(task),
    };
  }

  /** About how long an operation of the task takes; null: nothing is known. */
  typicalMs(task: Task): number | null {
    return this.ofTask(task.name).durations?.p50Ms ?? task.estimateMs;
  }

  /** Why there is no estimate, found without asking the estimator. */
  #unforeseen(operation: Operation): 'no_worker' | 'starting' | 'queue_too_long' | null {
    if (!this.#p.allTasks.has(operation.task)) return 'no_worker';
    if (isRunning(operation)) return null;
    if (!this.#hasWorker(operation.task)) return 'no_worker';
    if (this.#line === 'reading' && this.#isOpen) return 'starting';
    if (this.#line === 'shared') return this.#isBeyond(operation) ? 'queue_too_long' : null;
    if (this.#line !== 'beyond') return null;
    return this.#estimator.known(operation.id) === undefined ? 'queue_too_long' : null;
  }

  #isBeyond(operation: Operation): boolean {
    const queued = { ...operation, key: operation.concurrencyKey };
    return this.#estimator.isBeyondLine(queued, this.#p.clock.now());
  }

  /**
   * Asks about an operation that may not be known here: then it is added just for the question. It
   * is not kept, because its record may be older than its end, and it would never be removed again.
   */
  #with<Answer>(operation: Operation, ask: (id: string) => Answer): Answer {
    const { id, startedAt } = operation;
    if (this.#estimator.known(id) !== undefined) return ask(id);
    this.#submit(operation);
    if (startedAt !== null) this.#estimator.onStart({ id, at: startedAt });
    if (startedAt !== null && !isRunning(operation)) {
      this.#estimator.onBackOff({ id, readyAt: operation.readyAt });
    }
    const answer = ask(id);
    this.#estimator.onWithdraw({ id });
    return answer;
  }

  #submit({ id, task, concurrencyKey, priority, readyAt, createdAt }: Operation): void {
    this.#estimator.onSubmit({ id, task, key: concurrencyKey, priority, readyAt, at: createdAt });
  }

  #finish(id: string, at: number, ranHere = true): void {
    if (this.#estimator.known(id) === undefined) return;
    this.#finished += 1;
    this.#estimator.onFinish({ id, at, ranHere });
  }

  #waitsAgain(id: string, readyAt: number): void {
    this.#estimator.onBackOff({ id, readyAt });
  }

  /**
   * Slots of all nodes. Threads of isolated tasks are included; the estimator knows them as a limit
   * of those tasks.
   */
  #slots(): number {
    return (this.#isOpen ? slotsOf(this.#p) : 0) + (this.#others?.slots ?? 0);
  }

  /**
   * By heartbeats; before the first look at those of others, every task counts as having a worker.
   */
  #hasWorker(task: string): boolean {
    return this.#isOpen || this.#others === null || this.#others.tasks.has(task);
  }

  #setRules(task: Task): void {
    const threads = isIsolated(task) ? this.#p.threads : Infinity;
    const own = Math.min(task.concurrency ?? Infinity, threads);
    const concurrency = this.#paused.has(task.name) ? 0 : own;
    this.#estimator.setTask(task.name, {
      declaredMs: task.estimateMs,
      concurrency: concurrency === Infinity ? null : concurrency,
      keyConcurrency: task.keyConcurrency,
    });
  }
}

/**
 * Operations that a person ended, or that lost their worker, say nothing about how long they would
 * have taken.
 */
function isCutShort(error: OperationError | null): boolean {
  return error?.code === 'cancelled' || error?.code === 'worker_lost';
}

function isRunning(operation: Operation): boolean {
  return statusOf(operation.state) === 'processing';
}

function isIsolated(task: Task): boolean {
  return task.isolateModule !== null;
}

/** The reason in the words shown to clients; a paused task is reported before. */
function reasonOf(
  reason: 'unknown_operation' | 'no_history' | 'no_worker' | 'not_admitted',
): 'no_history' | 'no_worker' {
  return reason === 'no_worker' ? reason : 'no_history';
}
