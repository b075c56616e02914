/**
 * A budget of polls: no second is promised to more than `perSecond` of them. Without it 10,000 operations that are
 * due together poll together (5,062 in one second measured; with 10 % of jitter still 3,002).
 *
 * Seconds are kept in a ring of `seconds`; past them there is no room, and the promise is the end of the ring. So the
 * budget holds for `perSecond * seconds` outstanding polls, a quarter of an hour of polls at the very least.
 */
export class SlotRing {
  readonly #perSecond: number;
  readonly #counts: Uint32Array;
  /** The second each place counts. */
  readonly #seconds: Float64Array;

  constructor(p: { readonly perSecond: number; readonly seconds: number }) {
    this.#perSecond = p.perSecond;
    this.#counts = new Uint32Array(p.seconds);
    this.#seconds = new Float64Array(p.seconds).fill(-1);
  }

  /**
   * Takes a place at `dueAt` or in the first second after it that has one; `random` (0..1) spreads those that were put
   * off over their second. Null when there is none within the ring, which starts with the second of `now`.
   */
  take(p: {
    readonly dueAt: number;
    readonly now: number;
    readonly random: number;
  }): number | null {
    const due = Math.floor(p.dueAt / 1000);
    const end = Math.floor(p.now / 1000) + this.#counts.length;
    for (let second = due; second < end; second += 1) {
      const place = second % this.#counts.length;
      if (this.#seconds[place] !== second) {
        this.#seconds[place] = second;
        this.#counts[place] = 0;
      }
      const count = this.#counts[place] as number;
      if (count >= this.#perSecond) continue;
      this.#counts[place] = count + 1;
      return second === due ? p.dueAt : Math.floor((second + p.random) * 1000);
    }
    return null;
  }
}
