import type { Unforeseen } from './forecaster.ts';
import type { Basis } from './history.ts';

/**
 * When an operation is expected to start and to end. Instants are integer ms, never before the time
 * of the forecast.
 */
export type CompletionEstimate = {
  readonly known: true;
  /** Median; the actual start once it has started. */
  readonly startsAt: number;
  /** Median. */
  readonly p50At: number;
  /** Nine of ten operations end by then; never before p50At. */
  readonly p90At: number;
  readonly queuePosition: number;
  readonly basis: Basis;
  /** Number of finished operations that the estimate rests on. */
  readonly samples: number;
  /** low: fewer than 100 operations of the task have finished. */
  readonly confidence: 'low' | 'ok';
  /** It has been running longer than nine of ten operations of its task. */
  readonly longerThanUsual: boolean;
};

export type NoEstimate = {
  readonly known: false;
  readonly reason: Unforeseen['reason'];
  readonly queuePosition: number | null;
  readonly basis: 'none';
  readonly samples: 0;
  readonly confidence: 'none';
};

/**
 * The median of sorted samples, as the mean of six around the middle, because a single sample is as
 * uncertain as a single draw. The six lie half a sample below the middle, since an estimate that is
 * too long is relatively further off than one that is too short.
 */
export function middleOf(samples: Float64Array): number {
  const from = Math.max(0, (samples.length >> 1) - 4);
  const middle = samples.subarray(from, Math.min(samples.length, from + 6));
  return middle.reduce((sum, ms) => sum + ms, 0) / middle.length;
}

export function noEstimate({ reason, ahead }: Unforeseen): NoEstimate {
  return {
    known: false,
    reason,
    queuePosition: ahead,
    basis: 'none',
    samples: 0,
    confidence: 'none',
  };
}
