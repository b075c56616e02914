import { estimatorSettings as settings } from './settings.ts';

/**
 * How far the forecast's own spread must be stretched so that its bound holds nine times of ten,
 * learned from predictions whose operations finished. There is one factor a bucket: predictions for
 * an operation deep in the queue err in other ways than those for one that just started.
 *
 * Plain adaptive conformal inference (Gibbs and Candès, 2021) takes a step for every outcome. In a
 * queue, hundreds of predictions are still outstanding while the factor already moves for the
 * latest outcomes: it overshoots, and bounds became up to 15 times too long. Dividing the step by
 * the number of outstanding predictions prevents that.
 *
 * The result is exact in every bucket, whatever the predictions were worth, while the factor is not
 * clamped: the sum over outcomes of step * (miss - 0.10) is the change of the factor. So the miss
 * rate weighted by the steps is 10 % +- (largest factor + 1) / (sum of the steps).
 */
export const calibrationBuckets = [
  'waiting<1',
  'waiting<8',
  'waiting>=8',
  'running=0',
  'running<.5',
  'running<.9',
  'running>=.9',
] as const;
export type CalibrationBucket = (typeof calibrationBuckets)[number];

/** The bucket of a waiting operation, by how many rounds of all slots are ahead of it. */
export function waitingBucket(ahead: number, slots: number): CalibrationBucket {
  const rounds = ahead / slots;
  if (rounds < 1) return 'waiting<1';
  return rounds < 8 ? 'waiting<8' : 'waiting>=8';
}

/** The bucket of a running operation, by the share of known service times that it has outlived. */
export function runningBucket(outlived: number): CalibrationBucket {
  if (outlived <= 0) return 'running=0';
  if (outlived < 0.5) return 'running<.5';
  return outlived < 0.9 ? 'running<.9' : 'running>=.9';
}

export type CalibrationState = Readonly<Record<CalibrationBucket, number>>;

export class Calibration {
  readonly #lambda = new Map<CalibrationBucket, number>();
  #nodes = 1;
  readonly #outstanding = new Map<CalibrationBucket, number>();

  /** The factor for the next prediction; 1 until something was learned. */
  lambda(bucket: CalibrationBucket): number {
    return this.#lambda.get(bucket) ?? 1;
  }

  /** Counts a prediction. Its outcome must later be passed to `settled` or `dropped`. */
  predicted(bucket: CalibrationBucket): void {
    this.#outstanding.set(bucket, this.outstanding(bucket) + 1);
  }

  /**
   * `missed`: the operation finished after the bound. Returns the step by which the factor moved,
   * before clamping.
   */
  settled(bucket: CalibrationBucket, missed: boolean): number {
    this.dropped(bucket);
    const outstanding = Math.max(1, this.outstanding(bucket) * this.#nodes);
    const share = Math.min(1, settings.outstandingFull / outstanding);
    const step = settings.learningRate * share * ((missed ? 1 : 0) - settings.missTarget);
    this.move(bucket, step);
    return step;
  }

  /** Moves the factor by a step that settled() returned, here or in another process that learns it. */
  move(bucket: CalibrationBucket, step: number): void {
    const moved = this.lambda(bucket) + step;
    this.#lambda.set(bucket, Math.min(settings.lambdaMax, Math.max(0, moved)));
  }

  /**
   * So many processes learn the same factors, each with about as many predictions outstanding as
   * this one.
   */
  setNodes(nodes: number): void {
    this.#nodes = nodes;
  }

  /**
   * For a prediction whose outcome will never be known, because the operation was withdrawn.
   * Nothing is learned.
   */
  dropped(bucket: CalibrationBucket): void {
    this.#outstanding.set(bucket, Math.max(0, this.outstanding(bucket) - 1));
  }

  outstanding(bucket: CalibrationBucket): number {
    return this.#outstanding.get(bucket) ?? 0;
  }

  exportFactors(): CalibrationState {
    const entries = calibrationBuckets.map((bucket) => [bucket, this.lambda(bucket)] as const);
    return Object.fromEntries(entries) as CalibrationState;
  }

  /**
   * Sets the factors and forgets the outstanding predictions: their outcomes must not be reported
   * any more.
   */
  importFactors(state: CalibrationState): void {
    this.#outstanding.clear();
    this.setFactors(state);
  }

  /** Sets the factors; predictions made before remain outstanding. */
  setFactors(state: CalibrationState): void {
    for (const bucket of calibrationBuckets) this.#lambda.set(bucket, state[bucket]);
  }
}
