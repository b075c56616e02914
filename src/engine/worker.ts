import { elapsedClock, type Clock } from '../core/clock.ts';
import type { ClaimOutcome, ClaimTask, Store } from '../store/store.ts';
import { Alarm } from './alarm.ts';
import { Attempt } from './attempt.ts';
import type { Tell } from './engine.ts';
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
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly worker: string;
  readonly execute: (attempt: Attempt) => void;
  readonly changed: (id: string) => void;
  readonly tell: Tell;
};

/**
 * Takes operations from the queue, never more than there are free slots. It looks when woken (an accept, a
 * freed slot, a recovery), when the store said the next one is due, and every `pollMs` for what
 * other processes accepted. Wakes are gathered to the end of the turn (process.nextTick runs after all
 * microtasks), so that 64 attempts that end together lead to one claim of 64, in the commit of their settles.
 *
 * Tasks with `isolate` are claimed apart, no more than there are threads: waiting for a thread must not
 * count as running.
 */
export class Worker implements Service<{ readonly claimed: number }> {
  readonly #p: WorkerParts;
  readonly #alarm: Alarm;
  readonly #outage: Outage;
  readonly #lanes: readonly { readonly tasks: readonly ClaimTask[]; readonly isolated: boolean }[];
  #active = false;
  #wakeQueued = false;
  #again = false;
  #claiming: Promise<void> | null = null;
  #tokens = 0;

  constructor(p: WorkerParts) {
    this.#p = p;
    this.#alarm = new Alarm(p.clock, () => this.wake());
    this.#outage = new Outage(p.logger, 'claim operations');
    this.#lanes = [true, false]
      .map((isolated) => ({ isolated, tasks: claimTasks(p.tasks, isolated) }))
      .filter((lane) => lane.tasks.length > 0);
  }

  start(): void {
    this.#active = true;
    this.wake();
  }

  /** Resolves when no claim is under way; what the last one brought runs already. */
  async stop(): Promise<void> {
    this.#active = false;
    this.#alarm.clear();
    while (this.#claiming !== null) await this.#claiming;
  }

  wake(): void {
    if (!this.#active || this.#wakeQueued) return;
    if (this.#claiming !== null) {
      this.#again = true;
      return;
    }
    this.#wakeQueued = true;
    process.nextTick(() => {
      this.#wakeQueued = false;
      this.#claim();
    });
  }

  /** Looks again at `instant`, e.g. when something scheduled was accepted. */
  wakeAt(instant: number): void {
    if (this.#active) this.#alarm.setEarlier(instant);
  }

  async runOnce(): Promise<{ readonly claimed: number }> {
    const outcomes = await Promise.all(
      this.#openLanes().map(({ tasks, limit }) => this.#call(tasks, limit)),
    );
    let nextAt = this.#p.clock.now() + this.#p.pollMs;
    let claimed = 0;
    for (const outcome of outcomes) {
      claimed += outcome.claimed.length;
      nextAt = Math.min(nextAt, outcome.nextDueAt ?? Infinity);
      for (const one of outcome.claimed) this.#begin(one);
    }
    if (this.#active) this.#alarm.set(nextAt);
    return { claimed };
  }

  #claim(): void {
    // Full: a freed slot wakes.
    if (this.#active && this.#openLanes().length > 0) this.#claiming = this.#claimRound();
  }

  async #claimRound(): Promise<void> {
    try {
      await this.runOnce();
      this.#outage.ended();
    } catch (error) {
      this.#outage.failed(error);
      if (this.#active) this.#alarm.set(this.#p.clock.now() + this.#p.pollMs);
    }
    this.#claiming = null;
    if (!this.#again) return;
    this.#again = false;
    this.wake();
  }

  #openLanes(): { readonly tasks: readonly ClaimTask[]; readonly limit: number }[] {
    const { free, freeThreads } = this.#p.running;
    return this.#lanes
      .map(({ tasks, isolated }) => ({ tasks, limit: isolated ? freeThreads : free }))
      .filter(({ limit }) => limit > 0);
  }

  #call(tasks: readonly ClaimTask[], limit: number): Promise<ClaimOutcome> {
    return this.#p.store.claimOperations({
      worker: this.#p.worker,
      newToken: () => `${this.#p.worker}.${(this.#tokens += 1).toString(36)}`,
      leaseMs: this.#p.leaseMs,
      limit,
      tasks,
      now: this.#p.clock.now(),
    });
  }

  #begin(claimed: ClaimOutcome['claimed'][number]): void {
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
