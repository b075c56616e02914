import type { TaskAccuracy } from './estimator/accuracy.ts';

/**
 * Why there is no estimate of when an operation will end.
 *
 *   no_history       too few operations have finished, and the task declares nothing
 *   no_worker        no live worker runs the task
 *   task_paused      the operation waits for its paused task
 *   starting         the server has just started and has not read its whole queue yet
 *   queue_too_long   more than limits.foreseenMax operations wait, and it is not among the first of them
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

/**
 * When an operation that is not final is expected to end, as its clients see it. Instants in ms.
 */
export type OperationEstimate = {
  /** The expected start, or the actual one once it has started; null: see `reason`. */
  readonly startsAt: number | null;
  /** Median. */
  readonly completesAt: number | null;
  /** Nine of ten operations end by then. */
  readonly completesBy: number | null;
  /** Operations ahead of it; 0 once it has started; null: not known. */
  readonly queuePosition: number | null;
  readonly basis: (typeof estimateBases)[number];
  /** Number of finished operations that the estimate rests on. */
  readonly samples: number;
  /** low: fewer than 100 of the task have finished. */
  readonly confidence: (typeof estimateConfidences)[number];
  /**
   * It has run longer than nine of ten operations do, or longer than a bound that clients were
   * given.
   */
  readonly longerThanUsual: boolean;
  /** null: the times are known. */
  readonly reason: EstimateReason | null;
};

/** What is known about the durations of a task's operations. */
export type TaskEstimates = {
  /**
   * From the first start to the end, over the latest 144, with more weight on later ones; null:
   * fewer than 4 have finished.
   */
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
