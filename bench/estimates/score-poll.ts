import { sojournOf } from './score-eta.ts';
import type { Course } from './virtual-queue.ts';

/** The cost of polling, and the delay with which it found the end. */
export type PollScore = {
  readonly count: number;
  readonly pollsPerOperation: number;
  /** Mean seconds from the finish to the poll that saw it. */
  readonly lagMean: number;
  /** Mean of lag / (finish - submit). */
  readonly relativeLag: number;
  /** The most polls in one second. */
  readonly peakPerSecond: number;
};

/** Scores the poll instants (ms, by row) of all but the first `warmup` (0..1) of the operations. */
export function scorePolls(p: {
  readonly courses: readonly Course[];
  readonly polls: readonly (readonly number[])[];
  readonly warmup: number;
}): PollScore {
  const seconds = new Map<number, number>();
  let count = 0;
  let polls = 0;
  let lags = 0;
  let relative = 0;
  for (const course of p.courses.slice(Math.trunc(p.courses.length * p.warmup))) {
    const made = (p.polls[course.row] ?? []).map((at) => at / 1000);
    const finish = course.finishAt / 1000;
    // A tolerance of 1 ms, because instants were rounded.
    const seen = made.findIndex((at) => at >= finish - 1e-3);
    if (seen === -1) continue;
    const lag = Math.max(0, (made[seen] as number) - finish);
    count += 1;
    polls += seen + 1;
    lags += lag;
    relative += lag / sojournOf(course);
    for (const at of made.slice(0, seen + 1)) {
      seconds.set(Math.trunc(at), (seconds.get(Math.trunc(at)) ?? 0) + 1);
    }
  }
  return {
    count,
    pollsPerOperation: polls / count,
    lagMean: lags / count,
    relativeLag: relative / count,
    peakPerSecond: [...seconds.values()].reduce((peak, n) => Math.max(peak, n), 0),
  };
}
