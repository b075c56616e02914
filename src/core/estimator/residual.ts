import { estimatorSettings as settings } from './settings.ts';
import { countAtMost, type SortedWindow } from './sorted-window.ts';

/**
 * How much longer something takes that has already taken `elapsedMs`: a window of whole times, of
 * which only those longer than the elapsed time count. Made once, drawn from many times.
 */
export type Residual = {
  /** Sorted whole times; those from `from` to `count` are longer than what has elapsed. */
  readonly values: Float64Array;
  readonly from: number;
  readonly count: number;
  readonly elapsedMs: number;
};

export function residualOf(window: SortedWindow, elapsedMs: number): Residual {
  const elapsed = Math.max(0, elapsedMs);
  // At 0 nothing has been survived: a whole time of 0 ms is as possible as any.
  const from = elapsed === 0 ? 0 : countAtMost(window, elapsed);
  return { values: window.sorted, from, count: window.count, elapsedMs: elapsed };
}

/**
 * The draw of rank `u` (0..1): one of the longer whole times, or a little above it, while at least
 * three are left. With fewer, a Pareto tail from the longest known time, which this operation has
 * outlived or nearly so. Never negative, always finite.
 *
 * Why a little above: the next operation of a kind hardly ever takes exactly as long as a known
 * one, and a poll planned for that instant comes too soon. In the replays this saved up to 8 % of
 * the lag; drawing evenly between neighbours lost as much again where times are whole seconds.
 */
export function drawRemaining(residual: Residual, u: number): number {
  const { values, from, count, elapsedMs } = residual;
  const left = count - from;
  if (left < settings.tailSamplesMin) return tailDraw(residual, u);
  const rank = u * left;
  const index = from + Math.floor(rank);
  const value = values[index] as number;
  const next = values[Math.min(count - 1, index + 1)] as number;
  const above = settings.gapShare * (rank - Math.floor(rank));
  return value + above * (next - value) - elapsedMs;
}

function tailDraw({ values, count, elapsedMs }: Residual, u: number): number {
  const largest = count === 0 ? 0 : (values[count - 1] as number);
  // 1 ms: a task whose every operation took 0 ms still has a tail.
  const scale = Math.max(elapsedMs, largest, 1);
  return scale * (1 - u) ** (-1 / settings.tailExponent) - elapsedMs;
}
