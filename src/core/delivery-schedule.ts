import { limits } from './limits.ts';

/**
 * When a failed delivery is sent again. Twelve attempts over about 75 hours: a receiver that is
 * down for a weekend misses nothing, and one that was down for a minute gets the delivery about two
 * minutes after it is back.
 */
const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/**
 * The pause after the 1st, 2nd … failure. One fewer than limits.deliveryFailuresMax, because the
 * first attempt is made at once.
 */
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

/**
 * Each pause varies by ±20 %, so that deliveries that failed together are not sent again together.
 */
export const deliveryJitter = 0.2;

/**
 * When to try again after the `failures`th failure, which ended at `now`; null: the schedule has no
 * further attempt. A Retry-After that ends later replaces the pause, up to
 * limits.retryAfterGateMsMax. `random` is uniform in [0, 1).
 */
export function nextDeliveryAt(p: {
  readonly pausesMs: readonly number[];
  /** Number of failures including this one, from 1. */
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
