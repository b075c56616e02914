import type { TaskAccuracy } from './estimator/accuracy.ts';

/**
 * Why nothing can be said of when an operation will end.
 *
 *   no_history       too few operations have finished, and the task declares nothing
 *   no_worker        none is alive that runs the task
 *   task_paused      and it waits for that to end
 *   starting         the server was just started and has not read its whole queue yet
 *   queue_too_long   more than limits.foreseenMax wait, and it is not among the first of them
 */
export const estimateReasons = [
  'no_history',
  'no_worker',
  'task_paused',
  'starting',
  'queue_too_long',
] as const;
/** One of estimateReasons: no_history, no_worker, task_paused, starting or queue_too_long. */
export type EstimateReason = (typeof estimateReasons)[number];

export const estimateBases = ['none', 'declared', 'history', 'progress'] as const;
export const estimateConfidences = ['none', 'low', 'ok'] as const;

/** When an operation that is not final is expected to end, as its clients are told. Instants in ms. */
export type OperationEstimate = {
  /** Once it has started, when it did; null: see `reason`. */
  readonly startsAt: number | null;
  /** Median. */
  readonly completesAt: number | null;
  /** Nine of ten operations end by then. */
  readonly completesBy: number | null;
  /** Operations that go before it; 0 once it has started; null: not known. */
  readonly queuePosition: number | null;
  readonly basis: (typeof estimateBases)[number];
  /** Finished operations behind it. */
  readonly samples: number;
  /** low: fewer than 100 of the task have finished. */
  readonly confidence: (typeof estimateConfidences)[number];
  /** It runs longer than nine of ten, or than a bound that was told. */
  readonly longerThanUsual: boolean;
  /** null: it is known. */
  readonly reason: EstimateReason | null;
};

/** What is known of a task's operations. */
export type TaskEstimates = {
  /** From the first start to the end, over the latest 144, later ones counting more; null: fewer than 4 have finished. */
  readonly durations: {
    readonly p50Ms: number;
    readonly p90Ms: number;
    readonly samples: number;
  } | null;
  readonly accuracy: TaskAccuracy | null;
};

export function noEstimate(
  reason: EstimateReason,
  queuePosition: number | null = null,
): OperationEstimate {
  return {
    startsAt: null,
    completesAt: null,
    completesBy: null,
    queuePosition,
    basis: 'none',
    samples: 0,
    confidence: 'none',
    longerThanUsual: false,
    reason,
  };
}
