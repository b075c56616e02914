import { elapsedClock, type Clock } from '../core/clock.ts';
import type { ClaimedOperation, ClaimOutcome, ClaimTask, Store } from '../store/store.ts';
import { AcceptClaims } from './accept-claims.ts';
import type { Activity } from './activity.ts';
import { Attempt } from './attempt.ts';
import { ClaimLoop, type ClaimRound } from './claim-loop.ts';
import type { Tell } from './engine.ts';
import type { Estimates } from './estimates.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { Service } from './service.ts';
import type { Task } from './task.ts';

type WorkerParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly running: RunningAttempts;
  readonly estimates: Estimates;
  readonly activity: Activity;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly worker: string;
  /** The handler starts in the next turn: the commit may have accepted it, too, and its 202 leaves first. */
  readonly execute: (attempt: Attempt) => void;
  readonly changed: (id: string) => void;
  readonly tell: Tell;
};

type Lane = { readonly tasks: readonly ClaimTask[]; readonly isolated: boolean };
type OpenLane = Lane & { readonly limit: number };

/**
 * Takes operations from the queue, never more than there are free slots; claim-loop.ts decides when
 * it looks.
 *
 * Tasks with `isolate` are claimed separately, no more than there are threads: an operation that
 * waits for a thread must not count as running.
 */
export class Worker implements Service<ClaimRound> {
  readonly #p: WorkerParts;
  readonly #loop: ClaimLoop;
  readonly #lanes: readonly Lane[];
  readonly #isLimited: boolean;
  /** Claims operations that this process accepts itself. */
  readonly atAccept: AcceptClaims;
  #tokens = 0;

  constructor(p: WorkerParts) {
    this.#p = p;
    this.#lanes = [true, false]
      .map((isolated) => ({ isolated, tasks: claimTasks(p.tasks, isolated) }))
      .filter((lane) => lane.tasks.length > 0);
    this.#isLimited = [...p.tasks.values()].some(
      ({ concurrency, keyConcurrency }) => concurrency !== null || keyConcurrency !== null,
    );
    this.#loop = new ClaimLoop({
      clock: p.clock,
      pollMs: p.pollMs,
      outage: new Outage(p.logger, 'claim operations'),
      full: () => this.#openLanes().length === 0,
      round: () => this.#round(),
    });
    this.atAccept = new AcceptClaims({
      ...p,
      newToken: () => this.#newToken(),
      begin: (claimed) => this.#begin(claimed),
      wake: () => this.wake(),
      freed: () => this.#loop.freed(),
    });
  }

  start(): void {
    this.atAccept.start();
    this.#loop.start();
  }

  /** Resolves when no claim is under way; what the last one brought runs already. */
  async stop(): Promise<void> {
    await Promise.all([this.atAccept.stop(), this.#loop.stop()]);
  }

  wake(): void {
    this.#loop.wake();
  }

  /**
   * An attempt that completed freed a slot. Unless there are limits, no other operations became
   * claimable.
   */
  freed(): void {
    if (this.#isLimited) this.#loop.wake();
    else this.#loop.freed();
  }

  /** Looks again at `instant`, e.g. when a scheduled operation was accepted. */
  wakeAt(instant: number): void {
    this.#loop.wakeAt(instant);
  }

  runOnce(): Promise<ClaimRound> {
    return this.#loop.runOnce();
  }

  async #round(): Promise<ClaimRound> {
    const open = this.#openLanes();
    const kept = open.reduce((sum, { isolated, limit }) => sum + (isolated ? 0 : limit), 0);
    let outcomes: ClaimOutcome[];
    this.#p.running.keepSlots(kept);
    try {
      outcomes = await Promise.all(open.map(({ tasks, limit }) => this.#call(tasks, limit)));
    } finally {
      // What was claimed takes its slots below, before anybody else can.
      this.#p.running.keepSlots(-kept);
    }
    return this.#beginAll(open, outcomes);
  }

  #beginAll(open: readonly OpenLane[], outcomes: readonly ClaimOutcome[]): ClaimRound {
    let nextDueAt = Infinity;
    let claimed = 0;
    let isFull = open.length < this.#lanes.length || !this.#p.running.mayBeginOwn;
    for (const [i, outcome] of outcomes.entries()) {
      const hasLeft = outcome.claimed.length === open[i]?.limit;
      isFull ||= hasLeft;
      claimed += outcome.claimed.length;
      nextDueAt = Math.min(nextDueAt, outcome.nextDueAt ?? Infinity);
      for (const one of outcome.claimed) this.#begin(one);
      if (open[i]?.isolated === false) this.atAccept.claimed(hasLeft);
    }
    return { claimed, nextDueAt: nextDueAt === Infinity ? null : nextDueAt, isFull };
  }

  #openLanes(): OpenLane[] {
    const { running } = this.#p;
    const { freeThreads, mayBeginOwn } = running;
    const within = (tasks: readonly ClaimTask[]): readonly ClaimTask[] =>
      mayBeginOwn ? tasks : tasks.filter(({ name }) => !running.isOwn(name));
    return this.#lanes
      .map(({ tasks, isolated }) => ({
        isolated,
        tasks: isolated ? tasks : within(tasks),
        limit: isolated ? freeThreads : this.atAccept.claimLimit,
      }))
      .filter(({ tasks, limit }) => tasks.length > 0 && limit > 0);
  }

  #call(tasks: readonly ClaimTask[], limit: number): Promise<ClaimOutcome> {
    return this.#p.store.claimOperations({
      worker: this.#p.worker,
      newToken: () => this.#newToken(),
      leaseMs: this.#p.leaseMs,
      limit,
      tasks,
      now: this.#p.clock.now(),
    });
  }

  #newToken(): string {
    this.#tokens += 1;
    return `${this.#p.worker}.${this.#tokens.toString(36)}`;
  }

  #begin(claimed: ClaimedOperation): void {
    const { operation } = claimed;
    const task = this.#p.tasks.get(operation.task);
    if (task === undefined) return; // cannot be: the claim names our tasks
    const attempt = new Attempt({
      operation,
      input: claimed.input,
      task,
      now: this.#p.clock.now(),
      elapsed: elapsedClock(this.#p.clock).now(),
    });
    this.#p.running.takeSlot(attempt);
    this.#p.estimates.started(operation);
    this.#p.activity.started(operation);
    this.#p.changed(operation.id);
    if (operation.startedAt === operation.attemptStartedAt) this.#p.tell('started', operation);
    this.#p.execute(attempt);
  }
}

function claimTasks(tasks: ReadonlyMap<string, Task>, isolated: boolean): ClaimTask[] {
  return [...tasks.values()]
    .filter((task) => (task.isolateModule !== null) === isolated)
    .map(({ name, concurrency, keyConcurrency }) => ({ name, concurrency, keyConcurrency }));
}
