import { normalScore } from '../../src/core/estimator/normal-score.ts';
import { seededRandom } from '../../src/core/estimator/seeded-random.fixture.ts';
import type { TraceOperation } from './trace.ts';

const operations = 10_000;
export const heldOutWorkers = 24;
/** Average share of the slots in use; in a burst there is three times the work. */
const load = 0.8;

/** The kinds of operations; `takes` is the duration in s, from two uniform random numbers. */
const kinds: readonly {
  readonly task: string;
  readonly share: number;
  readonly takes: (u: number, v: number) => number;
}[] = [
  { task: 'steady', share: 0.3, takes: (u) => 5 * (0.95 + 0.1 * u) },
  { task: 'usual', share: 0.25, takes: (u) => 3 * Math.exp(0.4 * normalScore(u)) },
  { task: 'wide', share: 0.2, takes: (u) => 6 * Math.exp(1.1 * normalScore(u)) },
  // Either in a cache or not.
  { task: 'cached', share: 0.15, takes: (u, v) => (v < 0.6 ? 0.8 : 25) * (0.8 + 0.4 * u) },
  { task: 'heavy', share: 0.1, takes: (u) => 10 * (-Math.log(1 - u)) ** 1.6 },
];

/**
 * A load that was not used to choose any constant: five kinds that are in no trace, arrivals in
 * bursts, and service times that grow by half and shrink again over the run.
 */
export function heldOutTrace(seed: number): TraceOperation[] {
  const random = seededRandom(seed);
  const mean = kinds.reduce((sum, { share, takes }) => sum + share * meanOf(takes), 0);
  const gapMs = (1000 * mean) / (heldOutWorkers * load);
  const trace: TraceOperation[] = [];
  let at = 0;
  let burst = false;
  for (let i = 0; i < operations; i += 1) {
    if (random() < (burst ? 0.02 : 0.005)) burst = !burst;
    at += -Math.log(1 - random()) * gapMs * (burst ? 1 / 3 : 1.17);
    const kind = kindAt(random());
    const slower = 1 + 0.25 * (1 - Math.cos((2 * Math.PI * i) / operations));
    const serviceMs = Math.max(1, Math.round(1000 * slower * kind.takes(random(), random())));
    trace.push({ submitAt: Math.round(at), task: kind.task, serviceMs });
  }
  return trace;
}

function kindAt(u: number): (typeof kinds)[number] {
  let below = 0;
  for (const kind of kinds) {
    below += kind.share;
    if (u < below) return kind;
  }
  return kinds[0] as (typeof kinds)[number];
}

/** The mean over a grid, which is precise enough for a load. */
function meanOf(takes: (u: number, v: number) => number): number {
  const cells = 40;
  let sum = 0;
  for (let i = 0; i < cells; i += 1) {
    for (let j = 0; j < cells; j += 1) sum += takes((i + 0.5) / cells, (j + 0.5) / cells);
  }
  return sum / cells ** 2;
}
