import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/core/estimator/seeded-random.fixture.ts';
import type { WireOperation } from '../../src/core/wire-operation.ts';
import { startServer } from '../server-process.ts';
import { EstimatorPredictor } from './estimator-predictor.ts';
import { replay, type Poller, type Prediction } from './replay.ts';
import { scoreEta } from './score-eta.ts';
import { scorePolls } from './score-poll.ts';
import { readTrace, type TraceConfig, type TraceOperation } from './trace.ts';
import { coursesOf, type Course } from './virtual-queue.ts';

/**
 * Plays a trace through a real server, faster than it was recorded. Every operation is submitted
 * over HTTP at its time, takes as long as recorded, and is polled as the answers ask, each by a
 * client of its own.
 *
 * The estimates in the 202s and the times found by polling are scored beside replays in virtual
 * time. One replay is of the courses that happened on the server, with polls as late as they were
 * there and without lateness; it differs by what network and machine add to the estimator's work.
 * Another is of the trace itself at the same speed, where starting and ending cost nothing.
 */
export async function playLive(
  directory: string,
  { name, file, workers }: TraceConfig,
  p: { readonly speed: number; readonly seconds: number; readonly seed: number },
): Promise<void> {
  const whole = readTrace(path.join(directory, file));
  const trace = whole
    .map((one) => faster(one, p.speed))
    .filter(({ submitAt }) => submitAt < p.seconds * 1000);
  console.log(`\n${name} at ${p.speed}x, live: ${trace.length} operations in ${p.seconds} s`);
  const lived = await livedOn(trace, workers);
  const replayed = (courses: readonly Course[], latenessMs: readonly number[]): Played => {
    const ours = new EstimatorPredictor({ random: seededRandom(p.seed), workers });
    let polls = 0;
    const poller: Poller = (course, at, made) => {
      polls += 1;
      return ours.poller(course, at, made) + (latenessMs[polls % latenessMs.length] ?? 0);
    };
    return { courses, ...replay(courses, ours, poller) };
  };
  const { latenessMs } = lived;
  const mean = latenessMs.reduce((sum, ms) => sum + ms, 0) / latenessMs.length;
  print('server', lived);
  print('replay of what happened there', replayed(lived.courses, latenessMs));
  print('the same with polls on time', replayed(lived.courses, []));
  print('replay of the trace', replayed(coursesOf(trace, workers), []));
  console.log(`A poll came ${mean.toFixed(0)} ms later than it was asked for, on average.`);
}

type Played = {
  readonly courses: readonly Course[];
  readonly predictions: readonly Prediction[];
  readonly polls: readonly (readonly number[])[];
};

function faster({ submitAt, task, serviceMs }: TraceOperation, speed: number): TraceOperation {
  return {
    submitAt: Math.round(submitAt / speed),
    task,
    serviceMs: Math.max(1, Math.round(serviceMs / speed)),
  };
}

async function livedOn(
  trace: readonly TraceOperation[],
  workers: number,
): Promise<Played & { readonly latenessMs: readonly number[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-live-'));
  const server = await startServer({
    name: 'raincheck',
    args: [
      '--conditions=raincheck-source',
      path.join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts'),
      'serve',
      '--config',
      path.join(import.meta.dirname, 'live.config.ts'),
      '--port',
      '{port}',
    ],
    env: {
      RAINCHECK_STORE: path.join(folder, 'live.db'),
      RAINCHECK_CONCURRENCY: String(workers),
      LIVE_TYPES: [...new Set(trace.map(({ task }) => task))].join(),
    },
  });
  const origin = `http://127.0.0.1:${server.port}`;
  const clients: Promise<Life>[] = [];
  const startedAt = Date.now() + 500;
  for (const [row, one] of trace.entries()) {
    const early = startedAt + one.submitAt - Date.now();
    if (early > 0) await sleep(early);
    clients.push(live(origin, one, row));
  }
  const lives = await Promise.all(clients);
  const cpuMs = await server.cpuMs();
  const task = (await (await fetch(`${origin}/tasks/${trace[0]?.task}`)).json()) as object;
  console.log(`the server took ${(cpuMs / 1000).toFixed(1)} s of CPU; ${JSON.stringify(task)}`);
  await server.stop();
  rmSync(folder, { recursive: true });
  return {
    courses: lives.map(({ course }) => course),
    predictions: lives.flatMap(({ told }) => told ?? []),
    polls: lives.map(({ polls }) => polls),
    latenessMs: lives.flatMap(({ latenessMs }) => latenessMs),
  };
}

type Life = {
  readonly course: Course;
  /** The prediction in the 202. */
  readonly told: Prediction | null;
  readonly polls: readonly number[];
  /** How much later each poll was answered than it was due. */
  readonly latenessMs: readonly number[];
};

/** One client, which submits and then polls as it is asked to until it sees the end. */
async function live(origin: string, one: TraceOperation, row: number): Promise<Life> {
  const { task, serviceMs } = one;
  let answer = await fetch(`${origin}/${task}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ms: serviceMs }),
  });
  let operation = (await answer.json()) as WireOperation;
  if (answer.status !== 202) throw new Error(JSON.stringify(operation));
  const { estimate } = operation;
  const polls: number[] = [];
  const latenessMs: number[] = [];
  let answeredAt = Date.now();
  const told =
    estimate === null || estimate.completes_at === null || estimate.completes_by === null
      ? null
      : {
          row,
          at: Date.parse(operation.created_at),
          p50At: Date.parse(estimate.completes_at),
          p90At: Date.parse(estimate.completes_by),
        };
  while (operation.finished_at === null) {
    const waitMs = Number(answer.headers.get('retry-after-ms'));
    await sleep(waitMs);
    answer = await fetch(`${origin}${operation.status_url}`);
    operation = (await answer.json()) as WireOperation;
    latenessMs.push(Date.now() - answeredAt - waitMs);
    answeredAt = Date.now();
    polls.push(answeredAt);
  }
  if (operation.status !== 'completed') throw new Error(JSON.stringify(operation));
  const course = {
    row,
    id: operation.id,
    task,
    submitAt: Date.parse(operation.created_at),
    startAt: Date.parse(operation.started_at ?? ''),
    finishAt: Date.parse(operation.finished_at),
    serviceMs,
  };
  return { course, told, polls, latenessMs };
}

const warmup = 0.1;

function print(who: string, { courses, predictions, polls }: Played): void {
  const { submit } = scoreEta({ courses, predictions, warmup });
  const poll = scorePolls({ courses, polls, warmup });
  console.log(
    `${who}: cov90 ${submit.cov90.toFixed(3)}, pinball ${submit.pinball90.toFixed(3)}, median error ${submit.medianError.toFixed(3)} ` +
      `of ${submit.count}; ${poll.pollsPerOperation.toFixed(2)} polls @ ${poll.relativeLag.toFixed(3)} (mean ${(poll.lagMean * 1000).toFixed(0)} ms), at most ${poll.peakPerSecond} a second`,
  );
}

process.on('SIGINT', () => process.exit(130));
