import type { Unforeseen } from './forecaster.ts';
import type { Basis } from './history.ts';

/** When an operation is expected to start and to end. Instants are integer ms, never before the asking. */
export type CompletionEstimate = {
  readonly known: true;
  /** Median; once it has started, when it did. */
  readonly startsAt: number;
  /** Median. */
  readonly p50At: number;
  /** Nine of ten operations end by then; never before p50At. */
  readonly p90At: number;
  readonly queuePosition: number;
  readonly basis: Basis;
  /** Finished operations behind it. */
  readonly samples: number;
  /** low: fewer than 100 operations of the task have finished. */
  readonly confidence: 'low' | 'ok';
  /** It has been running longer than nine of ten of its task. */
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
 * The median of sorted samples, as the mean of six in the middle: one alone is as uncertain as one draw. Half a sample to
 * the lower side, since an estimate too long is further off, relatively, than one too short.
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
