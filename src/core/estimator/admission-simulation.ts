import { IndexHeap } from './index-heap.ts';
import { drawRemaining, type Residual } from './residual.ts';
import type { Random } from './random.ts';

/** An operation under admission rules. `task` and `key` are indexes into the caps. */
export type Admitted = {
  readonly residual: Residual;
  readonly task: number;
  /** -1: it has no key. */
  readonly key: number;
};
export type Contender = Admitted & {
  /** How long from now it may not be admitted; 0: it may at once. */
  readonly delayMs: number;
};

/**
 * A queue with all rules that claims follow: slots, caps of tasks and keys, priorities (as the
 * order), delayed starts.
 */
export type AdmissionQueue = {
  readonly slots: number;
  /** Operations that hold a slot. */
  readonly busy: readonly Admitted[];
  /** Waiting operations in the order of claims. */
  readonly line: readonly Contender[];
  /** Attempts that may run at once, by task index; Infinity: any number; 0: paused. */
  readonly taskCaps: readonly number[];
  readonly keyCaps: readonly number[];
};

/**
 * Plays futures of an admission queue, as a simulation of events. Whenever a slot is free, it goes
 * to the first operation in the line that is due and whose task and key have room. An operation
 * without room moves to a heap of its task or key and returns when an operation of that task or key
 * ends, so a long line behind a full cap is not walked again and again.
 *
 * Operations submitted later are not in the line: one of a higher priority that arrives meanwhile
 * overtakes, which the simulation does not foresee.
 */
export class AdmissionSimulation {
  readonly #queue: AdmissionQueue;
  readonly #ends = new IndexHeap();
  readonly #delayed = new IndexHeap();
  readonly #ready = new IndexHeap();
  readonly #aside: readonly IndexHeap[];
  readonly #loads: Int32Array;
  #free = 0;
  #now = 0;

  constructor(queue: AdmissionQueue) {
    this.#queue = queue;
    const places = queue.taskCaps.length + queue.keyCaps.length;
    this.#aside = Array.from({ length: places }, () => new IndexHeap());
    this.#loads = new Int32Array(places);
  }

  /**
   * Plays one future: `starts[i]` becomes the wait of `line[i]`, Infinity when it never starts.
   * Stops once the operation at index `until` has started, and leaves the others as they are; -1:
   * plays to the end.
   */
  play(random: Random, starts: Float64Array, until = -1): void {
    starts.fill(Infinity, 0, this.#queue.line.length);
    this.#reset(random);
    for (;;) {
      while (this.#free > 0 && this.#ready.size > 0) {
        const rank = this.#ready.pop();
        if (this.#admit(rank, random)) {
          starts[rank] = this.#now;
          if (rank === until) return;
        }
      }
      const next = Math.min(this.#ends.topKey, this.#delayed.topKey);
      if (next === Infinity) return;
      this.#now = next;
      while (this.#ends.topKey <= next) this.#end(this.#ends.pop());
      while (this.#delayed.topKey <= next) this.#come(this.#delayed.pop());
    }
  }

  #reset(random: Random): void {
    const { slots, busy, line } = this.#queue;
    for (const heap of [this.#ends, this.#delayed, this.#ready, ...this.#aside]) heap.clear();
    this.#loads.fill(0);
    this.#now = 0;
    this.#free = slots - busy.length;
    for (let i = 0; i < busy.length; i += 1) {
      const held = busy[i] as Admitted;
      this.#load(held, 1);
      // Negative numbers mark operations that already hold a slot, apart from those in the line.
      this.#ends.push(drawRemaining(held.residual, random()), -1 - i);
    }
    for (let rank = 0; rank < line.length; rank += 1) {
      const delay = (line[rank] as Contender).delayMs;
      if (delay > 0) this.#delayed.push(delay, rank);
      else this.#come(rank);
    }
  }

  #come(rank: number): void {
    this.#ready.push(rank, rank);
  }

  #admit(rank: number, random: Random): boolean {
    const contender = this.#queue.line[rank] as Contender;
    const { task } = contender;
    const key = this.#keyPlace(contender);
    const isKeyFull =
      key >= 0 && this.#loadOf(key) >= (this.#queue.keyCaps[contender.key] as number);
    if (this.#loadOf(task) >= (this.#queue.taskCaps[task] as number)) {
      this.#asideOf(task).push(rank, rank);
      // The key still has room, so its next operation, of another task perhaps, gets its turn.
      if (key >= 0 && !isKeyFull) this.#wake(key);
      return false;
    }
    if (isKeyFull) {
      this.#asideOf(key).push(rank, rank);
      // The task still has room, so its next operation gets its turn.
      this.#wake(task);
      return false;
    }
    this.#free -= 1;
    this.#load(contender, 1);
    this.#ends.push(this.#now + drawRemaining(contender.residual, random()), rank);
    return true;
  }

  #end(index: number): void {
    const { busy, line } = this.#queue;
    const ended = (index < 0 ? busy[-1 - index] : line[index]) as Admitted;
    this.#free += 1;
    this.#load(ended, -1);
    this.#wake(ended.task);
    const key = this.#keyPlace(ended);
    if (key >= 0) this.#wake(key);
  }

  #wake(place: number): void {
    const aside = this.#asideOf(place);
    if (aside.size > 0) this.#come(aside.pop());
  }

  #load(admitted: Admitted, by: 1 | -1): void {
    const key = this.#keyPlace(admitted);
    this.#loads[admitted.task] = this.#loadOf(admitted.task) + by;
    if (key >= 0) this.#loads[key] = this.#loadOf(key) + by;
  }

  /** Keys follow the tasks in the arrays of places. */
  #keyPlace({ key }: Admitted): number {
    return key < 0 ? -1 : this.#queue.taskCaps.length + key;
  }

  #loadOf(place: number): number {
    return this.#loads[place] as number;
  }

  #asideOf(place: number): IndexHeap {
    return this.#aside[place] as IndexHeap;
  }
}
