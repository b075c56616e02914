import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../src/store-postgres/postgres-server.fixture.ts';
import { planDefaults, requestText } from './load-plan.ts';
import { installPeers, peersFolder } from './peer.ts';
import { pairedLine, type Line } from './report.ts';
import { alternate, endToEnd, measured, type Bench, type Sample } from './scenarios.ts';
import { startServer, type ServerProcess } from './server-process.ts';
import { startRaincheck, steerTask } from './servers.ts';
import { atLeast } from './targets.ts';

/**
 * Raincheck on PostgreSQL beside pg-boss and graphile-worker on the same server. Each has a
 * database of its own and is one process that accepts and works, behind the same HTTP surface
 * (peers/surface.js). fsync and synchronous_commit are on for all. 256 clients wait for their
 * answers at once; all use batches of 500. CPU per operation includes the process and PostgreSQL.
 */
const connections = 256;
const noopRequest = requestText('POST', '/noop', { body: '{"n":1}' });

const peers = [
  { name: 'pg-boss', file: 'pg-boss.js' },
  { name: 'graphile-worker', file: 'graphile-worker.js' },
] as const;

/** Raincheck must do at least this many times the peers' operations a second. */
const factor = 5;

export async function postgresPeerLines(bench: Bench): Promise<Line[]> {
  installPeers();
  const postgres = await startPostgres({ fsync: true });
  try {
    const admin = new Client(postgres.url);
    await admin.connect();
    try {
      return await lines(bench, { admin, url: postgres.url });
    } finally {
      await admin.end();
    }
  } finally {
    await postgres.stop();
  }
}

async function lines(
  bench: Bench,
  p: { readonly admin: Client; readonly url: string },
): Promise<Line[]> {
  const cpuMs = await postgresCpu(p.admin);
  const found: Line[] = [];
  for (const { name, file } of peers) {
    const started = await startServer({
      name,
      args: [path.join(peersFolder, file)],
      env: { POSTGRES_URL: await database(p, name.replace('-', '_')) },
    });
    const store = await database(p, `raincheck_${found.length}`);
    // As many attempts at once as the peers take in a batch.
    const raincheck = await startRaincheck(store, { env: { RAINCHECK_CONCURRENCY: '500' } });
    const [ours, other] = [withCpu(raincheck, cpuMs), withCpu(started, cpuMs)];
    found.push(...(await compare(bench, name, { ours, other })));
    await Promise.all([ours.stop(), other.stop()]);
  }
  return found;
}

type Two = { readonly ours: ServerProcess; readonly other: ServerProcess };

async function compare(bench: Bench, name: string, { ours, other }: Two): Promise<Line[]> {
  const both = (run: (server: ServerProcess, ms: number) => Promise<Sample>) =>
    alternate(bench, { ours: (ms) => run(ours, ms), other: (ms) => run(other, ms) });
  const accepted = { ...planDefaults, connections, requests: [noopRequest], status: 202 };

  const through = await both((server, ms) =>
    endToEnd(bench, server, { stop: { afterMs: ms }, connections }),
  );
  // Measured last, so that the code of both is warm.
  const lowLoad = await both((server, ms) => submitToCompleted(bench, server, ms));
  for (const server of [ours, other]) await steerTask(server, 'pause');
  const submit = await both((server, afterMs) =>
    measured(bench.load, server, { ...accepted, stop: { afterMs } }),
  );
  return [
    pairedLine(`PostgreSQL: submit / ${name}`, submit, [atLeast('ratio', factor)]),
    pairedLine(`PostgreSQL: end to end / ${name}`, through, [atLeast('ratio', factor)]),
    pairedLine(`PostgreSQL: one at a time / ${name}`, lowLoad, [atLeast('ratio', 1)]),
  ];
}

/**
 * One client that submits and polls every 2 ms until the operation is completed. ops/s is computed
 * from the median.
 */
async function submitToCompleted(
  bench: Bench,
  server: ServerProcess,
  afterMs: number,
): Promise<Sample> {
  const sample = await measured(bench.load, server, {
    ...planDefaults,
    connections: 1,
    requests: [noopRequest],
    stop: { afterMs },
    status: 202,
    followUntil: '"status":"completed"',
    pauseMs: 10,
  });
  return { ...sample, perSecond: 1000 / sample.p50Ms };
}

async function database(
  p: { readonly admin: Client; readonly url: string },
  name: string,
): Promise<string> {
  await p.admin.query(`CREATE DATABASE ${name}`);
  return p.url.replace(/[^/]+$/, name);
}

function withCpu(server: ServerProcess, postgresMs: () => number): ServerProcess {
  return {
    name: server.name,
    port: server.port,
    cpuMs: async () => (await server.cpuMs()) + postgresMs(),
    memory: () => server.memory(),
    stop: () => server.stop(),
  };
}

/**
 * CPU time of all processes of the PostgreSQL server, ended ones included, in ms; NaN where there
 * is no /proc.
 */
async function postgresCpu(admin: Client): Promise<() => number> {
  const { rows } = await admin.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const parent = processTimes(String(rows[0]?.pid))?.parent;
  return () => {
    if (parent === undefined) return Number.NaN;
    const main = processTimes(parent);
    let ms = (main?.ownMs ?? 0) + (main?.childrenMs ?? 0);
    for (const pid of readdirSync('/proc')) {
      const times = /^\d+$/.test(pid) ? processTimes(pid) : null;
      if (times?.parent === parent) ms += times.ownMs;
    }
    return ms;
  };
}

function processTimes(pid: string): { parent: string; ownMs: number; childrenMs: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Fields of proc(5) after the name in brackets: state, ppid, …, utime, stime, cutime, cstime in
    // hundredths of a second.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const ms = (i: number): number => Number(fields[i]) * 10;
    return { parent: fields[1] ?? '', ownMs: ms(11) + ms(12), childrenMs: ms(13) + ms(14) };
  } catch {
    return null; // The process has ended.
  }
}
