/** Each bin is 26 % wider than the one before: 2^(1/3). */
const binsPerOctave = 3;
/** The first bin holds times below 1 ms, the last those over 24 days (2^31 ms). */
const bins = 2 + 31 * binsPerOctave;

/**
 * Counts lengths of time in bins of a logarithmic scale. Its size is fixed, and two histograms can
 * be summed without loss. A quantile is right within its bin, so to about an eighth.
 */
export class LogHistogram {
  readonly #counts = new Uint32Array(bins);
  #total = 0;

  /** The bin of `ms`; for callers that count the same length several times. */
  static binOf(ms: number): number {
    if (!(ms >= 1)) return 0;
    return Math.min(bins - 1, 1 + Math.floor(Math.log2(ms) * binsPerOctave));
  }

  get total(): number {
    return this.#total;
  }

  addTo(bin: number, count = 1): void {
    this.#counts[bin] = (this.#counts[bin] ?? 0) + count;
    this.#total += count;
  }

  merge(other: LogHistogram): void {
    for (const [bin, count] of other.#counts.entries()) if (count > 0) this.addTo(bin, count);
  }

  /** The quantile in ms; `share` is from 0 to 1. null: nothing was counted. */
  quantile(share: number): number | null {
    let left = share * this.#total;
    for (const [bin, count] of this.#counts.entries()) {
      if (count > 0 && left <= count) return msAt(bin, left / count);
      left -= count;
    }
    return null;
  }

  /** bin, count, bin, count, … of the bins that are not empty. */
  pairs(): number[] {
    const pairs: number[] = [];
    for (const [bin, count] of this.#counts.entries()) if (count > 0) pairs.push(bin, count);
    return pairs;
  }

  /** Reads the result of pairs(); null: `pairs` is not one. */
  static fromPairs(pairs: unknown): LogHistogram | null {
    if (!Array.isArray(pairs) || pairs.length % 2 !== 0) return null;
    const histogram = new LogHistogram();
    for (let i = 0; i < pairs.length; i += 2) {
      const [bin, count] = [Number(pairs[i]), Number(pairs[i + 1])];
      const fits = Number.isInteger(bin) && bin >= 0 && bin < bins;
      if (!fits || !Number.isInteger(count) || count < 1 || count > 0xffff_ffff) return null;
      histogram.addTo(bin, count);
    }
    return histogram;
  }
}

/** A length of time within the bin; `into` says how far into it, from 0 to 1. */
function msAt(bin: number, into: number): number {
  return bin === 0 ? into : 2 ** ((bin - 1 + into) / binsPerOctave);
}
