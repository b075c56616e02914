/** Weight of the newest completion once there are many; early on it is a plain mean. */
const weightMin = 1 / 64;

/** The running mean after one more completion that took `durationMs`; `samples` were seen before it. */
export function meanDurationMs(mean: number | null, samples: number, durationMs: number): number {
  if (mean === null) return durationMs;
  return mean + (durationMs - mean) * Math.max(weightMin, 1 / (samples + 1));
}
