import { limits } from '../core/limits.ts';
import type { Attempt } from './attempt.ts';
import { UnderWay } from './under-way.ts';

/**
 * The attempts that this process holds, and its slots. A slot is free again as soon as the settle
 * has been called, so that the settle and the next claim share a commit. An attempt whose settle
 * must be repeated takes its slot back, so that an outage of the store cannot pile up results
 * without bound.
 *
 * Our own tasks hold no slot while they run: a batch waits for room in the queue, which only
 * attempts with slots can make. They are counted separately, up to limits.ownAttempts.
 */
export class RunningAttempts extends UnderWay<Attempt> {
  /** Attempts that may run at once in this thread. */
  readonly slots: number;
  /** Isolated attempts that may run at once, each in a thread of its own. */
  readonly threads: number;
  readonly #ownTasks: ReadonlySet<string>;
  #busy = 0;
  #kept = 0;
  #busyOwn = 0;
  #busyThreads = 0;

  constructor(p: { slots: number; threads: number; ownTasks: ReadonlySet<string> }) {
    super();
    this.slots = p.slots;
    this.threads = p.threads;
    this.#ownTasks = p.ownTasks;
  }

  get free(): number {
    return Math.max(0, this.slots - this.#busy - this.#kept);
  }

  /** Reserves `by` more slots for attempts to come; negative: they are used, or free again. */
  keepSlots(by: number): void {
    this.#kept += by;
  }

  get freeThreads(): number {
    return Math.max(0, this.threads - this.#busyThreads);
  }

  /** Whether one more attempt of our own tasks may begin. */
  get mayBeginOwn(): boolean {
    return this.#busyOwn < limits.ownAttempts;
  }

  isOwn(task: string): boolean {
    return this.#ownTasks.has(task);
  }

  /** Attempts that have a slot or a thread. */
  get busy(): number {
    return this.#busy + this.#busyThreads;
  }

  takeSlot(attempt: Attempt): void {
    this.#count(attempt, 1);
  }

  freeSlot(attempt: Attempt): void {
    this.#count(attempt, -1);
  }

  override remove(attempt: Attempt): void {
    attempt.phase = 'ended';
    super.remove(attempt);
  }

  #count(attempt: Attempt, by: 1 | -1): void {
    if (this.isOwn(attempt.task.name)) this.#busyOwn += by;
    else if (attempt.task.isolateModule === null) this.#busy += by;
    else this.#busyThreads += by;
  }
}
