import { normalScore } from './normal-score.ts';

/**
 * Waits for a queue that nobody has played yet: the work ahead divided by the slots, from its mean
 * and variance alone.
 */
export function roughWaits(
  p: {
    /** Service times: the first `count` of `sorted`. */
    readonly sorted: Float64Array;
    readonly count: number;
    readonly ahead: number;
    readonly running: number;
    readonly slots: number;
  },
  waits: Float64Array,
): void {
  const { sorted, count, ahead, running, slots } = p;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i += 1) {
    sum += sorted[i] as number;
    squares += (sorted[i] as number) ** 2;
  }
  const mean = sum / Math.max(1, count);
  const variance = Math.max(0, squares / Math.max(1, count) - mean * mean);
  // Running operations are halfway, on average.
  const middle = ((ahead + running / 2) / slots) * mean;
  const deviation = Math.sqrt(variance * (ahead + running)) / slots;
  for (let i = 0; i < waits.length; i += 1) {
    const score = normalScore((i + 0.5) / waits.length);
    waits[i] = Math.max(0, middle + score * deviation);
  }
}
