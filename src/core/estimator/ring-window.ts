import { rankIn, type SortedWindow } from './sorted-window.ts';

/**
 * The latest `capacity` values of a series, also kept sorted, since every forecast asks for ranks
 * and only a finished operation changes them. A push is O(capacity), by moving memory.
 */
export class RingWindow implements SortedWindow {
  readonly capacity: number;
  readonly #ring: Float64Array;
  readonly #sorted: Float64Array;
  /** The place in the ring of each sorted value; equal values are ordered oldest first. */
  readonly #places: Uint16Array;
  #count = 0;
  /** The place of the latest value in the ring. */
  #newest = 0;
  #total = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#ring = new Float64Array(capacity);
    this.#sorted = new Float64Array(capacity);
    this.#places = new Uint16Array(capacity);
  }

  /** Values held. */
  get count(): number {
    return this.#count;
  }

  /** Values ever pushed, forgotten ones included. */
  get total(): number {
    return this.#total;
  }

  /** The values held, smallest first: the first `count` of the array. It changes with the next push. */
  get sorted(): Float64Array {
    return this.#sorted;
  }

  get largest(): number {
    return this.#count === 0 ? 0 : (this.#sorted[this.#count - 1] as number);
  }

  /** `value` must be finite: one NaN would spoil the order for good. */
  push(value: number): void {
    const at = this.#total % this.capacity;
    if (this.#count === this.capacity) this.#remove(this.#ring[at] as number);
    this.#ring[at] = value;
    this.#newest = at;
    this.#insert(value, at);
    this.#total += 1;
  }

  /** How many values came after the one at `rank` of the sorted ones. */
  ageAt(rank: number): number {
    const age = this.#newest - (this.#places[rank] as number);
    return age < 0 ? age + this.capacity : age;
  }

  /** The values held, oldest first. */
  values(): number[] {
    const oldest = this.#total - this.#count;
    return Array.from(
      { length: this.#count },
      (_, i) => this.#ring[(oldest + i) % this.capacity] as number,
    );
  }

  /**
   * A window that holds `values` (oldest first; those beyond the capacity are forgotten) as the
   * latest of `total`.
   */
  static of(p: {
    readonly capacity: number;
    readonly values: readonly number[];
    readonly total: number;
  }): RingWindow {
    const window = new RingWindow(p.capacity);
    const kept = p.values.slice(-p.capacity);
    window.#total = Math.max(0, p.total - kept.length);
    for (const value of kept) window.push(value);
    return window;
  }

  #insert(value: number, place: number): void {
    const at = rankIn(this.#sorted, this.#count, (held) => held <= value);
    this.#sorted.copyWithin(at + 1, at, this.#count);
    this.#places.copyWithin(at + 1, at, this.#count);
    this.#sorted[at] = value;
    this.#places[at] = place;
    this.#count += 1;
  }

  /** Removes the oldest of the equal values, which comes first among them. */
  #remove(value: number): void {
    const at = rankIn(this.#sorted, this.#count, (held) => held < value);
    this.#sorted.copyWithin(at, at + 1, this.#count);
    this.#places.copyWithin(at, at + 1, this.#count);
    this.#count -= 1;
  }
}
