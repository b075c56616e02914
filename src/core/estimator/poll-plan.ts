import { pollSettings as settings } from './settings.ts';

/**
 * When to look again: optimal inspection (Barlow, Hunter and Proschan, "Optimum checking
 * procedures", 1963). Dynamic programming finds the sequence of checks whose polls and lag together
 * cost least over the forecast; the wait is until its first check. A poll costs `pollCost`; a lag
 * costs itself relative to the length of the operation.
 *
 * A forecast may be wrong, so the plan only chooses within bounds that hold whatever it says. The
 * least wait is the larger of 0.4 s and 2 % of the age (so the poll count grows with the logarithm
 * of the length: some 310 in the first hour). The greatest is the largest of 2 s, half the age, and
 * a quarter of the foreseen length. The plan knows the upper bounds: a gap longer than they allow is
 * charged with the polls that they will force.
 */
export type PollPlan = {
  /** ms since submit. */
  readonly ageMs: number;
  /** ms until the end, sorted and equally likely; null or not all numbers: nothing is known. */
  readonly remaining: ArrayLike<number> | null;
};

/** ms to wait before the next poll, before jitter, slot and cap. */
export function pollWaitMs({ ageMs, remaining }: PollPlan): number {
  const age = Math.max(0, ageMs);
  const known = remaining === null ? null : usable(remaining);
  const least = Math.max(settings.waitMsMin, settings.waitAgeShareMin * age);
  if (known === null) return Math.max(least, longestWaitMs(age, 0));
  const middle = known[known.length >> 1] as number;
  const most = longestWaitMs(age, age + middle);
  return Math.max(least, Math.min(most, firstCheckMs(known, age)));
}

/**
 * The upper bound at an age, for an operation that is expected to take `foreseenMs` from its
 * submit.
 */
function longestWaitMs(ageMs: number, foreseenMs: number): number {
  return Math.max(
    settings.waitMsFree,
    settings.waitAgeShareMax * ageMs,
    settings.waitPredictedShareMax * foreseenMs,
  );
}

/**
 * Replaces Infinity by a very long time and negative times by 0. null: nothing usable, because a
 * NaN spoils all.
 */
function usable(remaining: ArrayLike<number>): Float64Array | null {
  const samples = Float64Array.from(remaining, (ms) => Math.min(foreverMs, Math.max(0, ms)));
  if (samples.length === 0 || samples.some((ms) => Number.isNaN(ms))) return null;
  return samples.sort();
}

const foreverMs = 1e13;
/** Beyond the samples: the last 1/65 of the futures, as three cells of a Pareto tail. */
const tailStretches = [1.13, 1.59, 3.3] as const;

function firstCheckMs(samples: Float64Array, ageMs: number): number {
  const ends = withTail(samples);
  const cells = ends.length;
  const mass = 1 / (samples.length + 1);
  const tailMass = mass / tailStretches.length;
  // Prefix sums of w and of w * middle: from these follows the lag that a check at the end of cell
  // k leaves for all cells since j.
  const weights = new Float64Array(cells + 1);
  const moments = new Float64Array(cells + 1);
  const survival = new Float64Array(cells + 1);
  survival[0] = 1;
  let start = 0;
  for (let i = 0; i < cells; i += 1) {
    const end = ends[i] as number;
    const middle = (start + end) / 2;
    const share = i < samples.length ? mass : tailMass;
    const weight = share / Math.max(settings.ageMsMin, ageMs + middle);
    weights[i + 1] = (weights[i] as number) + weight;
    moments[i + 1] = (moments[i] as number) + weight * middle;
    survival[i + 1] = Math.max(0, (survival[i] as number) - share);
    start = end;
  }
  const foreseenMs = ageMs + (samples[samples.length >> 1] as number);
  return ends[firstCheck({ ends, weights, moments, survival, ageMs, foreseenMs })] as number;
}

/** The index of the cell whose end is the first check of the cheapest sequence. */
function firstCheck(p: {
  readonly ends: Float64Array;
  readonly weights: Float64Array;
  readonly moments: Float64Array;
  readonly survival: Float64Array;
  readonly ageMs: number;
  readonly foreseenMs: number;
}): number {
  const { ends, weights, moments, survival } = p;
  const cells = ends.length;
  const costs = new Float64Array(cells + 1);
  let first = 0;
  for (let j = cells - 1; j >= 0; j -= 1) {
    let least = Infinity;
    const from = j === 0 ? 0 : (ends[j - 1] as number);
    const gapMost = longestWaitMs(p.ageMs + from, p.foreseenMs);
    const pollCost = settings.pollCost * (survival[j] as number);
    const weightBefore = weights[j] as number;
    const momentBefore = moments[j] as number;
    for (let k = j; k < cells; k += 1) {
      const lag =
        (ends[k] as number) * ((weights[k + 1] as number) - weightBefore) -
        ((moments[k + 1] as number) - momentBefore);
      const polls = Math.max(1, Math.ceil(((ends[k] as number) - from) / gapMost));
      const cost = lag + polls * pollCost + (costs[k + 1] as number);
      if (cost < least) {
        least = cost;
        first = k;
      }
    }
    costs[j] = least;
  }
  return first;
}

function withTail(samples: Float64Array): Float64Array {
  const last = samples.at(-1) ?? 0;
  const ends = new Float64Array(samples.length + tailStretches.length);
  ends.set(samples);
  tailStretches.forEach((stretch, i) => {
    ends[samples.length + i] = last * stretch;
  });
  return ends;
}
