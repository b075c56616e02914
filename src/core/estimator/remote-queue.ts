import type { ForeseenLine, Later } from './foreseen-line.ts';
import type { History } from './history.ts';
import type { LiveQueue } from './live-queue.ts';
import { roughWaits } from './rough-waits.ts';
import { estimatorSettings as settings } from './settings.ts';
import type { Queued } from './waiting-line.ts';

/** A queue that another process played, with the time by two clocks. */
export type TakenLine = {
  readonly line: ForeseenLine;
  /** When it was read from the store, by our clock. */
  readonly takenAt: number;
  /** The same instant by the clock of `readyAt`. */
  readonly takenAtStore: number;
  /** How long it is as good as new. */
  readonly keepMs: number;
  /** More operations waited than were read. */
  readonly isCut: boolean;
};

/**
 * A queue of which this process knows only the operations that it accepted itself. The place of an
 * operation is looked up in the forecast that one process made for all; those accepted here since
 * come behind it. Without a recent forecast, the number of all waiting operations and the slots
 * must do.
 */
export class RemoteQueue {
  readonly #live: LiveQueue;
  readonly #history: History;
  readonly #slots: () => number;
  #taken: TakenLine | null = null;
  #pending = 0;

  constructor(p: {
    readonly live: LiveQueue;
    readonly history: History;
    readonly slots: () => number;
  }) {
    this.#live = p.live;
    this.#history = p.history;
    this.#slots = p.slots;
  }

  adopt(taken: TakenLine): void {
    this.#taken = taken;
  }

  /** The number of waiting operations, as of the last count. */
  setPending(pending: number): void {
    this.#pending = pending;
  }

  /** Whether places in the queue can be estimated. */
  isKnown(now: number): boolean {
    return this.#fresh(now) !== null || this.#pending === 0;
  }

  /** Whether it waits behind more operations than the forecast covers. */
  isBeyond(queued: Queued, now: number): boolean {
    const taken = this.#fresh(now);
    return taken !== null && taken.isCut && taken.line.isBehind(queued);
  }

  ahead(queued: Queued, now: number): number {
    const taken = this.#fresh(now);
    if (taken === null) return this.#pending;
    return taken.line.ahead(queued, this.#later(taken, queued, now));
  }

  /** 64 waits for a slot, in any order. */
  waits(queued: Queued, now: number, waits: Float64Array): void {
    const taken = this.#fresh(now);
    if (taken !== null) taken.line.waits(queued, this.#later(taken, queued, now), waits);
    else this.#countedWaits(waits);
    const delay = Math.max(0, queued.readyAt - now);
    for (let i = 0; i < waits.length; i += 1) waits[i] = Math.max(delay, waits[i] as number);
  }

  #countedWaits(waits: Float64Array): void {
    const pooled = this.#history.times.pooled();
    if (this.#pending === 0 || pooled === null) {
      waits.fill(0);
      return;
    }
    const { sorted, count } = pooled;
    const slots = this.#slots();
    roughWaits({ sorted, count, ahead: this.#pending, running: slots, slots }, waits);
  }

  #fresh(now: number): TakenLine | null {
    const taken = this.#taken;
    if (taken === null) return null;
    const most = Math.max(settings.sharedMsMax, 2 * taken.keepMs);
    return now - taken.takenAt <= most ? taken : null;
  }

  /**
   * Counts only operations accepted here: nothing is known of those accepted elsewhere before the
   * next look.
   */
  #later({ takenAt, takenAtStore }: TakenLine, queued: Queued, now: number): Later {
    const ageMs = Math.max(0, now - takenAt);
    if (queued.readyAt <= takenAtStore || queued.readyAt > now) return { ageMs, newer: 0 };
    const { task, priority } = queued;
    const then = { id: '', task, key: null, priority, readyAt: takenAtStore };
    return { ageMs, newer: Math.max(0, this.#live.ahead(queued) - this.#live.ahead(then)) };
  }
}
