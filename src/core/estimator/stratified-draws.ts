import type { Random } from './random.ts';
import { estimatorSettings as settings } from './settings.ts';

/**
 * Random numbers for the futures of one queue. Over all futures, each draw (the first, the second
 * and so on) gets one number from each sixty-fourth, in an order of its own: a Latin hypercube.
 * Within one future the numbers are uniform and independent.
 *
 * Waits only grow with the durations of the operations ahead, and the median of such sums is never
 * less certain than with plain draws (McKay, Beckman and Conover, 1979). Of sixty-four plain draws,
 * one operation may get forty long ones, which lengthens its median.
 */
export class StratifiedDraws {
  #seed = 0;
  #future = 0;
  #state = 0;

  /** Begins a new sequence of numbers, for the futures of another queue. */
  begin(random: Random): void {
    this.#seed = Math.floor(random() * 2 ** 32) | 0;
  }

  /** From here on `next` returns the draws of the future `index` (0..63), from its first. */
  future(index: number): void {
    this.#future = index;
    this.#state = this.#seed;
  }

  readonly next: Random = () => {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d);
    bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
    bits ^= bits >>> 15;
    // Odd multiples, sums and this shift map 0..63 to itself one to one: a permutation by 22 bits,
    // without a table.
    let stratum = Math.imul(this.#future, (bits << 1) | 1) + (bits >>> 5);
    stratum &= strata - 1;
    stratum ^= stratum >> 3;
    stratum = (Math.imul(stratum, (bits >>> 10) | 1) + (bits >>> 16)) & (strata - 1);
    return (stratum + (bits >>> 22) / 1024) / strata;
  };
}

/** Must be a power of two. */
const strata = settings.samples;
