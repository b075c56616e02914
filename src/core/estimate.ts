import { limits } from './limits.ts';
import { isFinal, type Operation } from './operation.ts';

/**
 * What one operation of a task takes: a plain mean, which says nothing about the queue in front of it.
 */
export type ExpectedDuration = {
  /** Service time of one operation of the task, in ms. */
  readonly ms: number;
  readonly basis: 'declared' | 'history';
  /** Finished operations behind a `history` mean; 0 for `declared`. */
  readonly samples: number;
};

/** Fewer finished operations than this say less than what the author of the task declared. */
export const historySamplesMin = 5;

/** The mean of a task's history once there is enough of it, else what the task declares, else null. */
export function expectedDuration(p: {
  readonly declaredMs: number | null;
  readonly meanMs: number | null;
  readonly samples: number;
}): ExpectedDuration | null {
  if (p.meanMs !== null && (p.samples >= historySamplesMin || p.declaredMs === null)) {
    return { ms: p.meanMs, basis: 'history', samples: p.samples };
  }
  return p.declaredMs === null ? null : { ms: p.declaredMs, basis: 'declared', samples: 0 };
}

/** Expected end, never in the past; null when final or nothing is known. */
export function completesAt(
  operation: Operation,
  expected: ExpectedDuration | null,
  now: number,
): number | null {
  if (expected === null || isFinal(operation.state)) return null;
  const startsAt = operation.attemptStartedAt ?? Math.max(now, operation.readyAt);
  return Math.max(now, Math.round(startsAt + expected.ms));
}

/**
 * Whole seconds a client should wait before it looks again, 1..60: the expected rest; once that has
 * passed, a quarter of the time already spent, so that a late operation is polled ever less.
 */
export function retryAfterSeconds(
  operation: Operation,
  expected: ExpectedDuration | null,
  now: number,
): number {
  const end = completesAt(operation, expected, now);
  const ageMs = Math.max(0, now - operation.createdAt);
  const waitMs =
    end === null || end <= now ? Math.max(ageMs / 4, operation.readyAt - now) : end - now;
  return wholeRetryAfterSeconds(waitMs);
}

/** `ms` as a Retry-After: whole seconds, 1..60. */
export function wholeRetryAfterSeconds(ms: number): number {
  const seconds = Math.ceil(ms / 1000);
  return Math.min(limits.retryAfterSecondsMax, Math.max(limits.retryAfterSecondsMin, seconds));
}
