import { limits } from './limits.ts';

/**
 * When a delivery that failed is sent again. Twelve attempts over about 75 hours: a receiver that is down for a
 * weekend misses nothing, and one that is down for a minute is told within it.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** The pause after the 1st, 2nd … failure. One less than limits.deliveryFailuresMax: the first goes at once. */
export const deliveryPausesMs: readonly number[] = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];

/** Each pause is drawn from ±20 % of itself, so that what failed together does not come back together. */
export const deliveryJitter = 0.2;

/**
 * The next attempt after the `failures`th failure, which ended at `now`; null: that was the last of the schedule.
 * A Retry-After that ends later takes the schedule's place, for as long as the endpoint is spared for it
 * (limits.retryAfterGateMsMax). `random` is uniform in [0, 1).
 */
export function nextDeliveryAt(p: {
  readonly pausesMs: readonly number[];
  /** This one included, from 1. */
  readonly failures: number;
  readonly retryAfterAt: number | null;
  readonly now: number;
  readonly random: number;
}): { readonly at: number; readonly reason: string } | null {
  const pauseMs = p.pausesMs[p.failures - 1];
  if (pauseMs === undefined) return null;
  const at = p.now + Math.round(pauseMs * (1 + deliveryJitter * (2 * p.random - 1)));
  const retryAfterAt = Math.min(p.retryAfterAt ?? 0, p.now + limits.retryAfterGateMsMax);
  if (retryAfterAt > at) {
    const seconds = Math.ceil((retryAfterAt - p.now) / second);
    return { at: retryAfterAt, reason: `Retry-After ${seconds}` };
  }
  return { at, reason: `schedule step ${p.failures} ±20 %` };
}
