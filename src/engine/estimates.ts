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
 * Half of what a replay takes: with 64 slots whoever waits is told by the snapshot, and a status answer costs 30 us more
 * instead of 100. Over the recorded loads neither the coverage nor the loss is another.
 */
const drawsMax = 4_096;

/** Two questions about one operation that are no further apart are one. */
const sameMs = 5;

/**
 * When operations will end and when to ask again: the estimator, told of everything that happens here.
 *
 * On a store that one process has for itself that is everything, so the queue is known whole: `line` says how far.
 *
 *   reading   the server was just started: what waits is still being read from the store, none of it is foreseen
 *   whole     every operation that waits is known
 *   beyond    more wait than are kept here; those known go first, the others are not foreseen
 *
 * On a store that others share (`shared`) only what was accepted or asked for here is known, to hold and judge what was
 * told; what waits is foreseen by one process for all (line-exchange.ts).
 */
export class Estimates {
  readonly #p: EngineSettings;
  readonly #estimator: Estimator;
  readonly #snapshots: EstimateSnapshots | LineExchange;
  readonly #paused = new Set<string>();
  #line: 'shared' | 'reading' | 'whole' | 'beyond';
  #finished = 0;
  /** The operation and the instant asked about last: the next question about it is answered for the same instant, at no cost. */
  #latest = { id: '', at: 0 };
  #isOpen = false;
  /** What the other processes are; null as long as nobody has looked. */
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

  /** How many operations have taught it something. */
  get finished(): number {
    return this.#finished;
  }

  get line(): 'shared' | 'reading' | 'whole' | 'beyond' {
    return this.#line;
  }

  set line(line: 'reading' | 'whole' | 'beyond') {
    this.#line = line;
  }

  // These tell the estimator what it has to reckon with: slots, nodes, pauses.

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

  /** What the workers of other processes can run, by their heartbeats. */
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

  // These tell it what happened to an operation, once that is durable.

  submitted(operation: Operation): void {
    if (this.#line === 'beyond') return;
    if (this.#estimator.waiting >= limits.foreseenMax) {
      // What is known there is only to judge by.
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

  /** Its attempt ended as `settlement` says. */
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

  /** It is gone without having run its course. */
  withdrawn(id: string): void {
    this.#estimator.onWithdraw({ id });
  }

  /** Makes what is known of `operation` what its record says: at start, after a sweep, when something may have been missed. */
  align(operation: Operation): void {
    const { id, state, startedAt, readyAt, finishedAt } = operation;
    if (!this.#p.allTasks.has(operation.task)) return this.withdrawn(id);
    // Its end may be read before it is told: then this is the telling.
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

  /** What became of it is not known here: the store has the truth. */
  async recheck(id: string): Promise<void> {
    try {
      const operation = await this.#p.store.readOperation({ id });
      if (operation === null) this.withdrawn(id);
      else this.align(operation);
    } catch {
      // A round will come by.
    }
  }

  /** What a record that was just read says of what other processes did. */
  #see(operation: Operation): void {
    const known = this.#estimator.known(operation.id);
    if (known === undefined) {
      // What runs here is told by whoever runs it; what has ended is not missed.
      if (!isFinal(operation.state)) this.align(operation);
      return;
    }
    const { state, progress } = operation;
    if (state !== 'running' || !known.holdsSlot) this.align(operation);
    if (state === 'running' && progress !== null) this.progressed(operation.id, progress);
  }

  // These answer what is to be told about an operation.

  /** null: it is final. */
  estimate(operation: Operation): OperationEstimate | null {
    if (this.#line === 'shared') this.#see(operation);
    if (isFinal(operation.state)) return null;
    const why = this.#unforeseen(operation);
    if (why !== null) return noEstimate(why);
    const at = this.#p.clock.now();
    this.#latest = { id: operation.id, at };
    const told = this.#with(operation, (id) => this.#estimator.tell({ id, at }));
    // What runs needs no queue; where it is played for all, that is a query of the store.
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

  /** When to ask again; takes a place in the poll budget. null: it is final. */
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

  /** What an operation of the task takes, about; null: nothing is known. */
  typicalMs(task: Task): number | null {
    return this.ofTask(task.name).durations?.p50Ms ?? task.estimateMs;
  }

  /** Why nothing is said, without asking the estimator. */
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
   * `ask` about an operation that may not be known here: then it is put in its place just for the asking. It is not kept:
   * its record may be older than its end, and would never be taken out again.
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

  /** Of all nodes. The threads of isolated tasks among them the estimator knows as a limit of theirs. */
  #slots(): number {
    return (this.#isOpen ? slotsOf(this.#p) : 0) + (this.#others?.slots ?? 0);
  }

  /** By heartbeat; what others run is known only after the first look at theirs. */
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

/** What a person ended, or the loss of a worker, says nothing of what it would have taken. */
function isCutShort(error: OperationError | null): boolean {
  return error?.code === 'cancelled' || error?.code === 'worker_lost';
}

function isRunning(operation: Operation): boolean {
  return statusOf(operation.state) === 'processing';
}

function isIsolated(task: Task): boolean {
  return task.isolateModule !== null;
}

/** In the words of the clients; the pause of a task is told before. */
function reasonOf(
  reason: 'unknown_operation' | 'no_history' | 'no_worker' | 'not_admitted',
): 'no_history' | 'no_worker' {
  return reason === 'no_worker' ? reason : 'no_history';
}
