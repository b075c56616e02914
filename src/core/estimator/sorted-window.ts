/** The values of a series of times, sorted, for forecasts to draw from. */
export type SortedWindow = {
  /**
   * Ascending: the first `count` of the array, all equally likely. It changes when the series goes
   * on.
   */
  readonly sorted: Float64Array;
  readonly count: number;
  /** Values ever pushed, forgotten ones included. */
  readonly total: number;
};

/** How many of the values are at most `value`. */
export function countAtMost({ sorted, count }: SortedWindow, value: number): number {
  return rankIn(sorted, count, (held) => held <= value);
}

/** The first rank at which `isBefore` is false; it must be false for all after it. */
export function rankIn(
  sorted: Float64Array,
  count: number,
  isBefore: (held: number) => boolean,
): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(sorted[middle] as number)) low = middle + 1;
    else high = middle;
  }
  return low;
}
