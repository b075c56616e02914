import { rmSync } from 'node:fs';
import path from 'node:path';
import { planDefaults, requestText, type LoadPlan } from './load-plan.ts';
import type { LoadProcess, Measured } from './load-process.ts';
import type { ServerProcess } from './server-process.ts';
import { drained, readTask, startBare, startFloor, startRaincheck, steerTask } from './servers.ts';

export type Bench = {
  readonly load: LoadProcess;
  readonly rounds: number;
  /** Length of one round of one server. */
  readonly roundMs: number;
  readonly warmMs: number;
  /** Finished operations in the file of the history scenario. */
  readonly historyCount: number;
  /** Operations of one round of the history scenario. */
  readonly historyBatch: number;
  readonly historyRounds: number;
  /**
   * Number of event streams, and of long-polls, in the streams scenario, and how long they stay
   * idle.
   */
  readonly watchers: number;
  readonly idleMs: number;
  /** Folder on a real disk. */
  readonly directory: string;
};

/** The result of one server in one round. */
export type Sample = Pick<Measured, 'count' | 'perSecond' | 'p50Ms' | 'p99Ms'> & {
  readonly cpuMs: number;
};
export type Pair = { readonly ours: Sample; readonly other: Sample };

const noopRequest = requestText('POST', '/noop', { body: '{"n":1}' });

export type SubmitRound = {
  readonly ours: Sample;
  readonly bare: Sample;
  readonly floor: Sample;
};

/**
 * Accepting alone (the task is paused), beside an echo of the same JSON, and beside the lowest
 * durable cost.
 */
export async function submitScenario(bench: Bench): Promise<SubmitRound[]> {
  const bare = await startBare();
  const ours = await startRaincheck(freshFile(bench, 'submit'));
  const servers = [bare, ours];
  try {
    await steerTask(ours, 'pause');
    const floor = await startFloor(ours, freshFile(bench, 'floor'));
    servers.push(floor);
    const plan = (status: number) => (ms: number) => ({
      ...planDefaults,
      requests: [noopRequest],
      stop: { afterMs: ms },
      status,
    });
    return await alternate(bench, {
      ours: (ms) => measured(bench.load, ours, plan(202)(ms)),
      bare: (ms) => measured(bench.load, bare, plan(200)(ms)),
      floor: (ms) => measured(bench.load, floor, plan(202)(ms)),
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** Reads the status of 1,000 completed operations in turn, beside a GET of as many bytes. */
export async function pollScenario(bench: Bench): Promise<Pair[]> {
  const ours = await startRaincheck(freshFile(bench, 'poll'));
  const servers = [ours];
  try {
    await endToEnd(bench, ours, { stop: { afterCount: 1_000 } });
    const polls: Omit<LoadPlan, 'port'> = {
      ...planDefaults,
      requests: 'locations',
      stop: { afterCount: 64 },
      status: 200,
      bodyHas: '"status":"completed"',
    };
    const { lastBody } = await bench.load.run({ ...polls, port: ours.port });
    const bare = await startBare(Buffer.byteLength(lastBody) - '{"padding":""}'.length);
    servers.push(bare);
    return await alternate(bench, {
      ours: (ms) => measured(bench.load, ours, { ...polls, stop: { afterMs: ms } }),
      other: (ms) =>
        measured(bench.load, bare, {
          ...planDefaults,
          requests: [requestText('GET', '/operations/op_01')],
          stop: { afterMs: ms },
          status: 200,
        }),
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** From POST to completed, beside an echo of the same JSON and, if there is one, beside `peer`. */
export async function endToEndScenario(
  bench: Bench,
  startOther: () => Promise<ServerProcess>,
  isBare: boolean,
): Promise<Pair[]> {
  const other = await startOther();
  const ours = await startRaincheck(freshFile(bench, 'end-to-end'));
  const echo = { ...planDefaults, requests: [noopRequest], status: 200 };
  try {
    return await alternate(bench, {
      ours: (ms) => endToEnd(bench, ours, { stop: { afterMs: ms } }),
      other: (ms) =>
        isBare
          ? measured(bench.load, other, { ...echo, stop: { afterMs: ms } })
          : endToEnd(bench, other, { stop: { afterMs: ms } }),
    });
  } finally {
    await Promise.all([other.stop(), ours.stop()]);
  }
}

/**
 * The time that a client waits for one no-op operation on an idle server: POST with Prefer: wait.
 */
export async function lowLoadScenario(bench: Bench): Promise<Sample> {
  const ours = await startRaincheck(freshFile(bench, 'low-load'));
  const plan = {
    ...planDefaults,
    connections: 1,
    requests: [requestText('POST', '/noop', { body: '{"n":1}', headers: { prefer: 'wait=10' } })],
    status: 200,
    pauseMs: 10,
  };
  try {
    await measured(bench.load, ours, { ...plan, stop: { afterMs: bench.warmMs } });
    return await measured(bench.load, ours, { ...plan, stop: { afterMs: bench.roundMs } });
  } finally {
    await ours.stop();
  }
}

export type HistoryRound = { readonly submit: Pair; readonly drain: Pair };

/**
 * Submits a batch and then claims it. `ours` has many finished operations in its file, `other` has
 * none. Each round restarts both servers, one on an empty file.
 */
export async function historyScenario(bench: Bench): Promise<HistoryRound[]> {
  const full = freshFile(bench, 'history-full');
  const filler = await startRaincheck(full);
  try {
    await endToEnd(bench, filler, { stop: { afterCount: bench.historyCount } });
  } finally {
    await filler.stop();
  }
  const rounds: HistoryRound[] = [];
  for (let round = 0; round < bench.historyRounds; round += 1) {
    const empty = freshFile(bench, 'history-empty');
    const order = round % 2 === 0 ? [full, empty] : [empty, full];
    const first = await submitThenDrain(bench, order[0] ?? full);
    const second = await submitThenDrain(bench, order[1] ?? empty);
    const [ours, other] = round % 2 === 0 ? [first, second] : [second, first];
    rounds.push({
      submit: { ours: ours.submit, other: other.submit },
      drain: { ours: ours.drain, other: other.drain },
    });
  }
  return rounds;
}

async function submitThenDrain(
  bench: Bench,
  file: string,
): Promise<{ submit: Sample; drain: Sample }> {
  const server = await startRaincheck(file);
  try {
    await endToEnd(bench, server, { stop: { afterCount: Math.ceil(bench.historyBatch / 10) } });
    const before = await readTask(server);
    await steerTask(server, 'pause');
    const submit = await measured(bench.load, server, {
      ...planDefaults,
      requests: [noopRequest],
      stop: { afterCount: bench.historyBatch },
      status: 202,
    });
    const cpuBefore = await server.cpuMs();
    const startedAt = performance.now();
    await steerTask(server, 'resume');
    await drained(server, before.completed + bench.historyBatch);
    const count = bench.historyBatch;
    return { submit, drain: await sampleSince(server, { count, startedAt, cpuBefore }) };
  } finally {
    await server.stop();
  }
}

/**
 * Submits, waits until the server counts all as completed, then reads each status, which must be
 * completed. The reads are not measured.
 */
export async function endToEnd(
  bench: Bench,
  server: ServerProcess,
  p: Pick<LoadPlan, 'stop'> & Partial<Pick<LoadPlan, 'connections'>>,
): Promise<Sample> {
  const before = await readTask(server);
  const cpuBefore = await server.cpuMs();
  const startedAt = performance.now();
  const { count, p50Ms, p99Ms } = await bench.load.run({
    ...planDefaults,
    ...p,
    port: server.port,
    requests: [noopRequest],
    status: 202,
    collect: true,
  });
  await drained(server, before.completed + count);
  const sample = await sampleSince(server, { count, startedAt, cpuBefore });
  await bench.load.run({
    ...planDefaults,
    port: server.port,
    requests: 'locations',
    stop: { afterCount: count },
    status: 200,
    bodyHas: '"status":"completed"',
  });
  return { ...sample, p50Ms, p99Ms };
}

async function sampleSince(
  server: ServerProcess,
  p: { readonly count: number; readonly startedAt: number; readonly cpuBefore: number },
): Promise<Sample> {
  const elapsedMs = performance.now() - p.startedAt;
  const cpuMs = ((await server.cpuMs()) - p.cpuBefore) / p.count;
  const perSecond = (p.count / elapsedMs) * 1000;
  return { count: p.count, perSecond, cpuMs, p50Ms: Number.NaN, p99Ms: Number.NaN };
}

export async function measured(
  load: LoadProcess,
  server: ServerProcess,
  plan: Omit<LoadPlan, 'port'>,
): Promise<Sample> {
  const { count, perSecond, p50Ms, p99Ms, cpuMsPerRequest } = await load.measure(server, plan);
  return { count, perSecond, p50Ms, p99Ms, cpuMs: cpuMsPerRequest };
}

/** Warms all up, then measures them in turn. The order changes from round to round. */
export async function alternate<Name extends string>(
  bench: Bench,
  run: Readonly<Record<Name, (ms: number) => Promise<Sample>>>,
): Promise<Record<Name, Sample>[]> {
  const runs = Object.entries(run) as [Name, (ms: number) => Promise<Sample>][];
  for (const [, warm] of runs) await warm(bench.warmMs);
  const rounds: Record<Name, Sample>[] = [];
  for (let round = 0; round < bench.rounds; round += 1) {
    const samples: Partial<Record<Name, Sample>> = {};
    const order = round % 2 === 0 ? runs : runs.toReversed();
    for (const [name, measure] of order) samples[name] = await measure(bench.roundMs);
    rounds.push(samples as Record<Name, Sample>);
  }
  return rounds;
}

export function freshFile(bench: Bench, name: string): string {
  const file = path.join(bench.directory, `${name}.db`);
  for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
  return file;
}
