/** Weight of the newest completion once there are many; until then the mean is a plain one. */
const weightMin = 1 / 64;

/**
 * The running mean after one more completion, which took `durationMs`; `samples` came before it.
 */
export function meanDurationMs(mean: number | null, samples: number, durationMs: number): number {
  if (mean === null) return durationMs;
  return mean + (durationMs - mean) * Math.max(weightMin, 1 / (samples + 1));
}
