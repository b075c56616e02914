import { setTimeout as sleep } from 'node:timers/promises';
import { dropSchema, newSchema } from '../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../src/store-postgres/postgres-server.fixture.ts';
import { Crowd, type Told, type Watcher } from './crowd.ts';
import { soloLine, type Line } from './report.ts';
import { freshFile, type Bench } from './scenarios.ts';
import type { Memory, ServerProcess } from './server-process.ts';
import { startRaincheck, startWorker, steerTask } from './servers.ts';
import { percentile } from './statistics.ts';

/**
 * Many event streams (`watchers`) and as many long-polls on one node, each for an operation of its
 * own and over a connection of its own. They stay idle for a while, then all operations end at
 * once. A watcher that misses the end, or gets anything after it, fails the run.
 *
 * Figures of a line: watchers notified per second, from the start of the work; ms from the end of
 * an operation until its watcher was notified; CPU of the node for each watcher, from the start of
 * the work.
 */
export async function streamsScenario(bench: Bench): Promise<Line[]> {
  const database = await startPostgres({ fsync: true });
  const schemas = [newSchema(), newSchema()];
  const [own, shared] = schemas.map((schema) => `${database.url}?schema=${schema}`);
  try {
    return [
      await watched(bench, 'SQLite', () => startRaincheck(freshFile(bench, 'streams'))),
      await watched(bench, 'PostgreSQL', () => startRaincheck(own ?? '')),
      await watched(bench, 'PostgreSQL, worker elsewhere', async () => {
        const node = await startRaincheck(shared ?? '', { options: ['--role', 'api'] });
        await startWorker(shared ?? '');
        return node;
      }),
    ];
  } finally {
    for (const schema of schemas) await dropSchema({ url: database.url, schema });
    await database.stop();
  }
}

async function watched(
  bench: Bench,
  where: string,
  start: () => Promise<ServerProcess>,
): Promise<Line> {
  const node = await start();
  const crowd = new Crowd(`http://127.0.0.1:${node.port}`);
  try {
    // A warm-up, so that code is compiled and pools have grown before memory is measured.
    await followed(bench, { node, crowd, count: Math.ceil(bench.watchers / 4), idleMs: 0 });
    const { told, ...seen } = await followed(bench, {
      node,
      crowd,
      count: bench.watchers,
      idleMs: bench.idleMs,
    });
    const lags = Float64Array.from(told, ({ lagMs }) => lagMs).sort();
    const sample = {
      count: told.length,
      perSecond: (told.length / seen.endMs) * 1000,
      p50Ms: percentile(lags, 0.5),
      p99Ms: percentile(lags, 0.99),
      cpuMs: seen.endCpuMs / told.length,
    };
    const line = soloLine(
      `${bench.watchers} streams + ${bench.watchers} long-polls, ${where}`,
      sample,
    );
    return { ...line, notes: notes(bench, seen) };
  } finally {
    crowd.close();
    await node.stop();
  }
}

type Weighed = {
  /** Before any watcher, with the streams, and with the streams and the long-polls. */
  readonly memory: readonly [Memory, Memory, Memory];
  readonly openCpuMs: number;
  /** CPU of the node while nothing happens, as a share of one core. */
  readonly idleShare: number;
  readonly endMs: number;
  readonly endCpuMs: number;
};

async function followed(
  bench: Bench,
  p: {
    readonly node: ServerProcess;
    readonly crowd: Crowd;
    readonly count: number;
    readonly idleMs: number;
  },
): Promise<Weighed & { readonly told: readonly Told[] }> {
  const { node, crowd, count, idleMs } = p;
  await steerTask(node, 'pause');
  const ids = await crowd.submit('/noop', 2 * count);
  const before = await node.memory();
  const cpuBefore = await node.cpuMs();
  const streams = await allWaiting(ids.slice(0, count).map((id) => crowd.byStream(id)));
  const withStreams = await node.memory();
  const polls = await allWaiting(ids.slice(count).map((id) => crowd.byPolls(id)));
  const openCpuMs = (await node.cpuMs()) - cpuBefore;
  const withPolls = await node.memory();
  const idleBefore = await node.cpuMs();
  await sleep(idleMs);
  const endBefore = await node.cpuMs();
  const startedAt = performance.now();
  await steerTask(node, 'resume');
  const told = await Promise.all([...streams, ...polls].map(({ ended }) => ended));
  const endMs = performance.now() - startedAt;
  const endCpuMs = (await node.cpuMs()) - endBefore;
  await crowd.checkEnds(ids, told);
  return {
    told,
    memory: [before, withStreams, withPolls],
    openCpuMs,
    idleShare: idleMs === 0 ? Number.NaN : (endBefore - idleBefore) / bench.idleMs,
    endMs,
    endCpuMs,
  };
}

async function allWaiting(watchers: readonly Watcher[]): Promise<readonly Watcher[]> {
  await Promise.all(watchers.map(({ waits }) => waits));
  return watchers;
}

function notes({ watchers, idleMs }: Bench, weighed: Weighed): string[] {
  const [before, withStreams, withPolls] = weighed.memory;
  const grown = (from: Memory, to: Memory, kind: keyof Memory): string =>
    `${((to[kind] - from[kind]) / watchers / 1024).toFixed(1)} KiB`;
  return [
    `memory: ${(before.rss / 2 ** 20).toFixed(0)} MiB before; a stream ${grown(before, withStreams, 'rss')} resident, ${grown(before, withStreams, 'live')} live;` +
      ` a long-poll ${grown(withStreams, withPolls, 'rss')} resident, ${grown(withStreams, withPolls, 'live')} live`,
    `CPU: ${(weighed.openCpuMs / watchers / 2).toFixed(2)} ms to begin each; ${(weighed.idleShare * 100).toFixed(1)} % of a core for all of them while nothing happens for ${idleMs / 1000} s; no final event missed`,
  ];
}
