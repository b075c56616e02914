/**
 * The latest `capacity` values of a series, kept sorted as well, since every forecast asks for ranks and
 * only every finished operation changes them. A push is O(capacity), by moving memory.
 */
export class RingWindow {
  readonly capacity: number;
  readonly #ring: Float64Array;
  readonly #sorted: Float64Array;
  #count = 0;
  #total = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#ring = new Float64Array(capacity);
    this.#sorted = new Float64Array(capacity);
  }

  /** Values held. */
  get count(): number {
    return this.#count;
  }

  /** Values ever pushed, those forgotten included. */
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
    this.#insert(value);
    this.#total += 1;
  }

  /** How many of the values held are at most `value`. */
  countAtMost(value: number): number {
    const sorted = this.#sorted;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The values held, oldest first. */
  values(): number[] {
    const oldest = this.#total - this.#count;
    return Array.from(
      { length: this.#count },
      (_, i) => this.#ring[(oldest + i) % this.capacity] as number,
    );
  }

  /** A window that holds `values` (oldest first; those past the capacity forgotten) as the latest of `total`. */
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

  #insert(value: number): void {
    const at = this.countAtMost(value);
    this.#sorted.copyWithin(at + 1, at, this.#count);
    this.#sorted[at] = value;
    this.#count += 1;
  }

  #remove(value: number): void {
    const at = this.countAtMost(value) - 1;
    this.#sorted.copyWithin(at, at + 1, this.#count);
    this.#count -= 1;
  }
}
