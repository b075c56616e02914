/**
 * When a failed attempt is tried again: exponential backoff with full jitter, i.e. a uniform draw from
 * [0, min(cap, base * factor^(n-1))] after the n-th attempt. Full jitter spreads a herd best for the
 * least work (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).
 */
export type RetryPolicy = {
  /** Upper end of the first delay. Default 1 s. */
  readonly baseMs: number;
  /** Growth of the upper end per attempt. Default 2. */
  readonly factor: number;
  /** The upper end never passes this. Default 10 m, or `baseMs` where that is longer. */
  readonly capMs: number;
};

export const retryPolicyDefault: RetryPolicy = { baseMs: 1000, factor: 2, capMs: 600_000 };

/** Upper end of the delay after attempt `attempt` (1, 2, …), in ms. */
export function retryDelayMsMax(policy: RetryPolicy, attempt: number): number {
  // 0 times a growth that overflowed to Infinity is NaN, and a readyAt of NaN never comes.
  if (policy.baseMs === 0) return 0;
  const grown = policy.baseMs * policy.factor ** Math.max(0, attempt - 1);
  return Math.min(policy.capMs, grown);
}

/**
 * The instant of the next attempt, or null when there is none: not retryable, or attempts used up.
 * `random` is uniform in [0, 1).
 */
export function nextRetryAt(p: {
  readonly policy: RetryPolicy;
  readonly attempt: number;
  readonly attemptsMax: number;
  readonly retryable: boolean;
  readonly now: number;
  readonly random: number;
}): number | null {
  if (!p.retryable || p.attempt >= p.attemptsMax) return null;
  return p.now + Math.round(p.random * retryDelayMsMax(p.policy, p.attempt));
}
