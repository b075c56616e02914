import type { RingWindow } from './ring-window.ts';
import { estimatorSettings as settings } from './settings.ts';

/**
 * How much longer something takes that has taken `elapsedMs` already: a window of whole times, cut below the
 * elapsed one. Made once, drawn from many times.
 */
export type Residual = {
  /** Sorted whole times; those from `from` to `count` are longer than what has elapsed. */
  readonly values: Float64Array;
  readonly from: number;
  readonly count: number;
  readonly elapsedMs: number;
};

export function residualOf(window: RingWindow, elapsedMs: number): Residual {
  const elapsed = Math.max(0, elapsedMs);
  // At 0 nothing has been survived: a whole time of 0 ms is as possible as any.
  const from = elapsed === 0 ? 0 : window.countAtMost(elapsed);
  return { values: window.sorted, from, count: window.count, elapsedMs: elapsed };
}

/**
 * The draw of rank `u` (0..1): one of the longer whole times while at least three are left; then a Pareto tail
 * from the longest time known, which this one has outlived or nearly so. Never negative, always finite.
 */
export function drawRemaining(residual: Residual, u: number): number {
  const { values, from, count, elapsedMs } = residual;
  const left = count - from;
  if (left >= settings.tailSamplesMin) {
    return (values[from + Math.floor(u * left)] as number) - elapsedMs;
  }
  const largest = count === 0 ? 0 : (values[count - 1] as number);
  // 1 ms: a task whose every operation took 0 ms still has a tail.
  const scale = Math.max(elapsedMs, largest, 1);
  return scale * (1 - u) ** (-1 / settings.tailExponent) - elapsedMs;
}
