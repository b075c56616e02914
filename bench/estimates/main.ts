import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { seededRandom } from '../../src/core/estimator/seeded-random.fixture.ts';
import { lastThree, naiveMean, positionTimesMean } from './baselines.ts';
import { forecastMicros, snapshotMs } from './cost.ts';
import { engineCost } from './engine-cost.ts';
import { EstimatorPredictor } from './estimator-predictor.ts';
import { playHerd } from './herd.ts';
import { heldOutTrace, heldOutWorkers } from './held-out.ts';
import { writeFinishes, writePolls, writePredictions } from './jsonl.ts';
import { playLive } from './live.ts';
import { picture } from './picture.ts';
import { everyTwoSeconds, googleApiCore } from './pollers.ts';
import { replay, type Poller, type Predictor, type Replayed } from './replay.ts';
import { scoreEta, type EtaScore } from './score-eta.ts';
import { scorePolls } from './score-poll.ts';
import { stepErrors } from './steps.ts';
import {
  readConfigs,
  readSteps,
  readTrace,
  type TraceConfig,
  type TraceOperation,
} from './trace.ts';
import { coursesOf, type Course } from './virtual-queue.ts';

/**
 * `npm run bench:estimates` plays recorded loads through a queue in virtual time and scores the
 * estimates. The same seed gives the same figures, except for times.
 */
const usage = `npm run bench:estimates -- --traces <directory> [options]
  --traces <directory>  manifest.json and the CSV files it names (or the environment's RAINCHECK_TRACES)
  --only <part>         configurations whose name contains it
  --out <directory>     JSON lines: <name>.finish.jsonl, <name>.<who>.pred.jsonl and <name>.<who>.poll.jsonl
  --picture <file>      an SVG of gha_ci_c16 (or --only …): predicted interval against actual
  --live                azure_llm_c64 (or --only …) ten times as fast through a real server: six minutes
  --seconds <number>    of them only the first so many (360)
  --held-out            a load made up of kinds that no trace has, without traces; --seed makes another
  --herd                10,000 operations that end together, polled over HTTP at two API nodes on one PostgreSQL
  --operations <number> of the herd (10000)
  --budget <number>     polls a second of both nodes together (300)
  --cost                only what the estimates cost the engine, without traces
  --seed <number>       of all that is random (1)`;

const { values } = parseArgs({
  options: {
    traces: { type: 'string' },
    only: { type: 'string', default: '' },
    out: { type: 'string' },
    picture: { type: 'string' },
    live: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '360' },
    'held-out': { type: 'boolean', default: false },
    herd: { type: 'boolean', default: false },
    operations: { type: 'string', default: '10000' },
    budget: { type: 'string', default: '300' },
    cost: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});
const warmup = 0.1;

const silent: Predictor = {
  submitted: () => undefined,
  started: () => undefined,
  finished: () => undefined,
  predict: () => null,
};

type Contestant = {
  readonly name: string;
  readonly predictor: Predictor;
  readonly poller: Poller | null;
};

function contestants(workers: number, ours: EstimatorPredictor): Contestant[] {
  return [
    { name: 'naive-mean', predictor: naiveMean(), poller: null },
    { name: 'last-three', predictor: lastThree(), poller: null },
    { name: 'position-x-mean', predictor: positionTimesMean(workers), poller: null },
    { name: 'every-2-s', predictor: silent, poller: everyTwoSeconds },
    { name: 'google-api-core', predictor: silent, poller: googleApiCore },
    { name: 'raincheck', predictor: ours, poller: ours.poller },
  ];
}

function playTrace(
  trace: readonly TraceOperation[],
  { name, workers }: Pick<TraceConfig, 'name' | 'workers'>,
): void {
  const courses = coursesOf(trace, workers);
  const waited = courses.filter(({ submitAt, startAt }) => startAt > submitAt).length;
  console.log(
    `\n${name}: ${courses.length} operations, ${workers} workers, ${Math.round((100 * waited) / courses.length)} % wait`,
  );
  console.log(
    `${''.padEnd(18)}at submit ${'cov90'.padStart(6)} pinball medianErr width | in flight cov90 pinball medianErr | polls/op    lag`,
  );
  if (values.out !== undefined) {
    mkdirSync(values.out, { recursive: true });
    writeFinishes(path.join(values.out, `${name}.finish.jsonl`), courses);
  }
  const ours = new EstimatorPredictor({ random: seededRandom(Number(values.seed)), workers });
  for (const contestant of contestants(workers, ours)) {
    const played = replay(courses, contestant.predictor, contestant.poller);
    console.log(contestant.name.padEnd(18) + rowOf(contestant, courses, played));
    if (values.out === undefined) continue;
    const base = path.join(values.out, `${name}.${contestant.name}`);
    if (contestant.predictor !== silent) writePredictions(`${base}.pred.jsonl`, played);
    if (contestant.poller !== null) writePolls(`${base}.poll.jsonl`, played);
  }
  console.log(
    `µs: ${ours.predicting.mean.toFixed(0)} a prediction, ${ours.polling.mean.toFixed(0)} a Retry-After`,
  );
}

function rowOf(
  { predictor, poller }: Contestant,
  courses: readonly Course[],
  { predictions, polls }: Replayed,
): string {
  let row = '';
  if (predictor === silent) row += ''.padEnd(73);
  else {
    const { submit, inFlight } = scoreEta({ courses, predictions, warmup });
    row += `          ${etaCells(submit)}${submit.width90.toFixed(2).padStart(6)} |           ${etaCells(inFlight)} `;
  }
  if (poller === null) return row.trimEnd();
  const score = scorePolls({ courses, polls, warmup });
  return `${row}| ${score.pollsPerOperation.toFixed(2).padStart(8)} ${score.relativeLag.toFixed(3).padStart(6)}`;
}

function etaCells({ cov90, pinball90, medianError }: EtaScore): string {
  return `${cov90.toFixed(3).padStart(6)}${pinball90.toFixed(3).padStart(8)}${medianError.toFixed(3).padStart(10)}`;
}

function playSteps(directory: string): void {
  const trace = readSteps(path.join(directory, 'gha_steps.csv'));
  const errors = stepErrors(trace, seededRandom(Number(values.seed)));
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `\ngha_steps: ${trace.length} operations, ${errors.predictions} predictions at step ends; median error: ` +
      `stage table ${percent(errors.stages)}, progress ignored ${percent(errors.ignored)}, linear ${percent(errors.linear)}`,
  );
}

function printCosts(): void {
  console.log('\nCPU      ms a snapshot (capped)   µs a forecast (capped)');
  const random = seededRandom(Number(values.seed));
  for (const waiting of [10, 100, 1_000, 100_000]) {
    const [snapshot, cappedSnapshot] = [false, true].map((capped) =>
      snapshotMs({ waiting, capped, random }).toFixed(1),
    );
    const [forecast, cappedForecast] = [false, true].map((capped) =>
      forecastMicros({ waiting, capped, random }).toFixed(0),
    );
    const cells = [`${snapshot} (${cappedSnapshot})`, `${forecast} (${cappedForecast})`];
    console.log(String(waiting).padStart(7) + cells.map((cell) => cell.padStart(24)).join(''));
  }
}

function configCalled(directory: string, fallback: string): TraceConfig {
  const wanted = values.only === '' ? fallback : values.only;
  const config = readConfigs(directory).find(({ name }) => name.includes(wanted));
  if (config === undefined) throw new Error(`No configuration is called ${wanted}.`);
  return config;
}

/**
 * Draws the picture; docs/images/estimates.svg is made by `--picture docs/images/estimates.svg`.
 */
function draw(directory: string, target: string): void {
  const { name, file, workers } = configCalled(directory, 'gha_ci_c16');
  const courses = coursesOf(readTrace(path.join(directory, file)), workers);
  const ours = new EstimatorPredictor({ random: seededRandom(Number(values.seed)), workers });
  const { predictions } = replay(courses, ours, null);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, picture({ name, courses, predictions, warmup }));
}

async function live(directory: string): Promise<void> {
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)];
  await playLive(directory, configCalled(directory, 'azure_llm_c64'), { speed: 10, seconds, seed });
}

/** Fails if any second had more polls than the budget plus 5 %. */
async function herd(): Promise<void> {
  const [operations, budget] = [Number(values.operations), Number(values.budget)];
  const lengthMs = 30_000 + operations * 5;
  const result = await playHerd({ operations, budget, lengthMs, submitters: 8 });
  const { perSecond, polls } = result;
  const peak = Math.max(...perSecond);
  const most = budget * 1.05;
  const over = perSecond.filter((count) => count > most).length;
  console.log(
    `herd: ${operations} operations submitted in ${(result.submittedInMs / 1000).toFixed(0)} s end together; ${polls} polls in ${perSecond.length} s, ` +
      `at most ${peak} a second of ${budget} (${((100 * peak) / budget).toFixed(1)} %), ${over} seconds above 105 %; ` +
      `seen after ${(result.lagP50Ms / 1000).toFixed(1)} s in the middle, ${(result.lagMaxMs / 1000).toFixed(1)} s at most`,
  );
  console.log(perSecond.join(' '));
  if (over > 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  if (values.cost) return engineCost();
  if (values.herd) return herd();
  if (values['held-out']) {
    const trace = heldOutTrace(Number(values.seed));
    return playTrace(trace, { name: 'held_out', workers: heldOutWorkers });
  }
  const directory = values.traces ?? process.env['RAINCHECK_TRACES'];
  if (values.help || directory === undefined) {
    console.log(usage);
    if (!values.help) process.exitCode = 2;
    return;
  }
  if (values.live) return live(directory);
  if (values.picture !== undefined) return draw(directory, values.picture);
  const configs = readConfigs(directory).filter(({ name }) => name.includes(values.only));
  for (const config of configs) playTrace(readTrace(path.join(directory, config.file)), config);
  if (values.only !== '') return;
  playSteps(directory);
  printCosts();
}

await main();
