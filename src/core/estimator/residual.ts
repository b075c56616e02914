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
 * The draw of rank `u` (0..1): between two neighbours of the longer whole times while at least three are left; then a
 * Pareto tail from the longest time known, which this one has outlived or nearly so. Never negative, always finite.
 *
 * Between, not one of them: the few that are left would be drawn again and again, and a poll planned for just these
 * instants. In the replays that was worth 4 to 8 % of the lag.
 */
export function drawRemaining(residual: Residual, u: number): number {
  const { values, from, count, elapsedMs } = residual;
  const left = count - from;
  if (left < settings.tailSamplesMin) return tailDraw(residual, u);
  // Each value stands in the middle of its share of ranks; the outer halves are its own.
  const at = u * left - 0.5;
  const low = Math.floor(at);
  const above = values[from + Math.min(left - 1, low + 1)] as number;
  const below = low < 0 ? leastOf(residual) : (values[from + low] as number);
  return below + (above - below) * (at - low) - elapsedMs;
}

/** As far below the first as the second is above it, where that is still to come. */
function leastOf({ values, from, elapsedMs }: Residual): number {
  const first = values[from] as number;
  if (elapsedMs === 0) return first;
  return Math.max(elapsedMs, 2 * first - (values[from + 1] as number));
}

function tailDraw({ values, count, elapsedMs }: Residual, u: number): number {
  const largest = count === 0 ? 0 : (values[count - 1] as number);
  // 1 ms: a task whose every operation took 0 ms still has a tail.
  const scale = Math.max(elapsedMs, largest, 1);
  return scale * (1 - u) ** (-1 / settings.tailExponent) - elapsedMs;
}
