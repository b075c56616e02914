import type { Attempt } from './attempt.ts';
import { UnderWay } from './under-way.ts';

/**
 * The attempts this process holds, and its slots. A slot is free again as soon as the settle has been
 * called, so that the settle and the next claim share a commit; an attempt whose settle has to be
 * repeated takes its slot back, so that an outage of the store cannot pile up results without bound.
 */
export class RunningAttempts extends UnderWay<Attempt> {
  /** Attempts that may run at once in this thread. */
  readonly slots: number;
  /** Isolated attempts that may run at once, each in a thread of its own. */
  readonly threads: number;
  #busy = 0;
  #busyThreads = 0;

  constructor(p: { slots: number; threads: number }) {
    super();
    this.slots = p.slots;
    this.threads = p.threads;
  }

  get free(): number {
    return Math.max(0, this.slots - this.#busy);
  }

  get freeThreads(): number {
    return Math.max(0, this.threads - this.#busyThreads);
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

  #count(attempt: Attempt, by: 1 | -1): void {
    if (attempt.task.isolateModule === null) this.#busy += by;
    else this.#busyThreads += by;
  }
}
