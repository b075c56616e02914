import type { Prediction } from './replay.ts';
import { linearQuantile } from './score-quantile.ts';
import type { Course } from './virtual-queue.ts';

/** The quality of predictions, over all of one kind. */
export type EtaScore = {
  readonly count: number;
  /** Share of operations that finished by the predicted P90. */
  readonly cov90: number;
  /** Share of operations that finished by the predicted P50, which shows its bias. */
  readonly cov50: number;
  /** Median of |P50 - finish| / (finish - submit). */
  readonly medianError: number;
  /** Pinball loss of the P90 over the mean time from submit to finish. */
  readonly pinball90: number;
  /** Mean time that the P90 allowed, over the mean time that was left. */
  readonly width90: number;
};

type Scored = { readonly prediction: Prediction; readonly course: Course };

/**
 * Scores the first prediction of each operation ("at submit") and all later ones ("in flight"). The
 * first `warmup` (0..1) of the operations are left out, and so are predictions that came too late.
 * Times in seconds, as in the JSON lines.
 */
export function scoreEta(p: {
  readonly courses: readonly Course[];
  readonly predictions: readonly Prediction[];
  readonly warmup: number;
}): { readonly submit: EtaScore; readonly inFlight: EtaScore } {
  const byRow = Map.groupBy(p.predictions, ({ row }) => row);
  const submit: Scored[] = [];
  const inFlight: Scored[] = [];
  let sojourns = 0;
  for (const course of p.courses.slice(Math.trunc(p.courses.length * p.warmup))) {
    const inTime = (byRow.get(course.row) ?? []).filter(({ at }) => at < course.finishAt);
    const [first, ...later] = inTime.toSorted((a, b) => a.at - b.at);
    if (first === undefined) continue;
    sojourns += sojournOf(course);
    submit.push({ prediction: first, course });
    for (const prediction of later) inFlight.push({ prediction, course });
  }
  const meanSojourn = sojourns / submit.length;
  return { submit: scoreOf(submit, meanSojourn), inFlight: scoreOf(inFlight, meanSojourn) };
}

/** The sums of a score, in this order. */
const sums = { held90: 0, held50: 1, pinball: 2, allowed: 3, left: 4 } as const;

function scoreOf(scored: readonly Scored[], meanSojourn: number): EtaScore {
  const errors = new Float64Array(scored.length);
  const total = summed(scored, errors);
  const of = (sum: keyof typeof sums): number => total[sums[sum]] as number;
  const count = scored.length;
  return {
    count,
    cov90: of('held90') / count,
    cov50: of('held50') / count,
    medianError: linearQuantile(errors, 0.5),
    pinball90: of('pinball') / count / meanSojourn,
    width90: of('allowed') / Math.max(1e-9, of('left')),
  };
}

/**
 * The loop alone, with its sums in an array. As one function that returned its sums in an object,
 * in about one process in eighty the first call's object also got the second call's numbers (Node
 * 24.21; cause unknown: the counts beside them were right, and the same data in a fresh process
 * gave the right sums).
 */
function summed(scored: readonly Scored[], errors: Float64Array): Float64Array {
  const total = new Float64Array(Object.keys(sums).length);
  const add = (sum: number, value: number): void => {
    total[sum] = (total[sum] as number) + value;
  };
  for (const [i, { prediction, course }] of scored.entries()) {
    const finish = course.finishAt / 1000;
    const p50 = prediction.p50At / 1000;
    const p90 = prediction.p90At / 1000;
    add(sums.held90, finish <= p90 ? 1 : 0);
    add(sums.held50, finish <= p50 ? 1 : 0);
    add(sums.pinball, finish >= p90 ? 0.9 * (finish - p90) : (1 - 0.9) * (p90 - finish));
    add(sums.allowed, p90 - prediction.at / 1000);
    add(sums.left, finish - prediction.at / 1000);
    errors[i] = Math.abs(p50 - finish) / sojournOf(course);
  }
  return total;
}

/** Seconds from submit to finish. Never 0, because errors are divided by it. */
export function sojournOf({ submitAt, finishAt }: Course): number {
  return Math.max(1e-9, finishAt / 1000 - submitAt / 1000);
}
