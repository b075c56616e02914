import { estimatorSettings as settings } from './settings.ts';

/**
 * How long an operation waits, by its position in a line: sorted waits at positions at growing
 * distances, one wait for each future that was played.
 */
export class LineProfile {
  /** Recorded positions, ascending from 0. */
  readonly positions: Int32Array;
  readonly #futures: number;
  /** The waits, position by position. */
  readonly #waits: Float64Array;

  constructor(positions: Int32Array, futures: number) {
    this.positions = positions;
    this.#futures = futures;
    this.#waits = new Float64Array(positions.length * futures);
  }

  /** Records the waits of one future: the wait of `positions[i]` is at `ranks[i]` of `waits`. */
  record(future: number, waits: Float64Array, ranks: Int32Array): void {
    for (let i = 0; i < this.positions.length; i += 1) {
      this.#waits[i * this.#futures + future] = waits[ranks[i] as number] as number;
    }
  }

  /** Must be called once all futures are recorded. */
  sort(): void {
    for (let i = 0; i < this.positions.length; i += 1) this.#at(i).sort();
  }

  /** The median wait at the last position. */
  get horizonMs(): number {
    return this.#at(this.positions.length - 1)[this.#futures >> 1] ?? 0;
  }

  /**
   * Sorted waits at `position`: interpolated between recorded positions; beyond the last, as if the
   * line went on in the same way.
   */
  waits(position: number, into: Float64Array): void {
    const { positions } = this;
    let high = 0;
    while (high < positions.length && (positions[high] as number) < position) high += 1;
    if (high === positions.length) {
      const last = positions.length - 1;
      const stretch = position / Math.max(1, positions[last] as number);
      const waits = this.#at(last);
      for (let i = 0; i < into.length; i += 1) into[i] = (waits[i] as number) * stretch;
      return;
    }
    const above = positions[high] as number;
    if (above === position || high === 0) {
      into.set(this.#at(high));
      return;
    }
    const below = positions[high - 1] as number;
    const share = (position - below) / (above - below);
    const lower = this.#at(high - 1);
    const upper = this.#at(high);
    for (let i = 0; i < into.length; i += 1) {
      into[i] = (lower[i] as number) * (1 - share) + (upper[i] as number) * share;
    }
  }

  #at(index: number): Float64Array {
    return this.#waits.subarray(index * this.#futures, (index + 1) * this.#futures);
  }
}

/** 0, 1, 2, … and then at growing distances, up to and including `last`. */
export function profilePositions(
  last: number,
  growth: number = settings.snapshotGrowth,
): Int32Array {
  const positions: number[] = [];
  for (let at = 0; at < last; at = Math.max(at + 1, Math.round(at * growth))) {
    positions.push(at);
  }
  positions.push(last);
  return Int32Array.from(positions);
}
