import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireOperation } from '../../src/core/wire-operation.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { startServer, stopServers, type ServerProcess } from '../server-process.ts';

export type HerdOptions = {
  readonly operations: number;
  /** The most polls a second that the two nodes together should get. */
  readonly budget: number;
  /** Time from the first submit to the common end. */
  readonly lengthMs: number;
  /** Submits in flight at once. */
  readonly submitters: number;
};

export type HerdResult = {
  /** Status requests to both nodes, for each second. */
  readonly perSecond: readonly number[];
  readonly polls: number;
  /** Time from the end of an operation until its client saw it. */
  readonly lagP50Ms: number;
  readonly lagMaxMs: number;
  readonly submittedInMs: number;
};

/**
 * Operations that end together, each with an HTTP client that polls when it was told to,
 * alternating between two API nodes. The nodes and a worker of its own share one PostgreSQL.
 * Requests are counted where they arrive.
 */
export async function playHerd(p: HerdOptions): Promise<HerdResult> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-herd-'));
  const database = await startPostgres();
  try {
    const store = database.url;
    const worker = await start({ ...p, kind: 'worker', store, counts: path.join(folder, 'w') });
    const files = ['a', 'b'].map((name) => path.join(folder, name));
    const nodes = [];
    for (const counts of files) nodes.push(await start({ ...p, kind: 'api', store, counts }));
    await eachKnowsAll(nodes);
    // Code is slow the first times it runs, and a node rarely gets so many requests so soon after
    // its start.
    await liveAll(nodes, { ...p, task: 'warm', operations: 1_000, lengthMs: 0 });
    const startedAt = Date.now();
    const lives = await liveAll(nodes, { ...p, task: 'herd' });
    await Promise.all([...nodes, worker].map((server) => server.stop()));
    return resultOf(files, { lives, startedAt });
  } finally {
    await stopServers();
    await database.stop();
    rmSync(folder, { recursive: true });
  }
}

function start(
  p: HerdOptions & { kind: 'api' | 'worker'; store: string; counts: string },
): Promise<ServerProcess> {
  const root = path.join(import.meta.dirname, '..', '..');
  const command =
    p.kind === 'api'
      ? ['serve', '--role', 'api', '--port', '{port}']
      : ['worker', '--health-port', '{port}'];
  return startServer({
    name: p.kind,
    args: [
      '--import',
      path.join(import.meta.dirname, 'herd-count.ts'),
      '--conditions=raincheck-source',
      path.join(root, 'src', 'cli', 'main.ts'),
      ...command,
      '--config',
      path.join(import.meta.dirname, 'herd.config.ts'),
    ],
    env: {
      DATABASE_URL: p.store,
      HERD_KIND: p.kind,
      RAINCHECK_LOG_LEVEL: 'error',
      RAINCHECK_CONCURRENCY: '10000',
      RAINCHECK_POLLS_PER_SECOND: String(p.budget),
      HERD_ESTIMATE_MS: String(Math.round(p.lengthMs * 0.8)),
      HERD_COUNTS: p.counts,
    },
  });
}

/** Nodes learn of each other by heartbeats, which are five seconds apart. */
async function eachKnowsAll(nodes: readonly ServerProcess[]): Promise<void> {
  await sleep(6_000);
  for (const { port } of nodes) {
    const { body } = await call(port, { method: 'GET', path: '/workers' });
    const { workers } = JSON.parse(body) as { workers: readonly unknown[] };
    if (workers.length !== nodes.length + 1) throw new Error(`There are ${workers.length} nodes.`);
  }
}

type Life = { readonly lagMs: number; readonly polls: number; readonly submittedAt: number };

async function liveAll(
  nodes: readonly ServerProcess[],
  p: HerdOptions & { readonly task: string },
): Promise<Life[]> {
  const startedAt = Date.now();
  const until = startedAt + p.lengthMs;
  const lives: Promise<Life>[] = [];
  let next = 0;
  const submitter = async (): Promise<void> => {
    while (next < p.operations) {
      next += 1;
      const port = nodes[next % nodes.length]?.port ?? 0;
      const body = JSON.stringify({ until });
      const answer = await call(port, { method: 'POST', path: `/${p.task}`, body });
      if (answer.status !== 202) throw new Error(answer.body);
      lives.push(live(nodes, { answer, turn: next }));
    }
  };
  await Promise.all(Array.from({ length: p.submitters }, submitter));
  return Promise.all(lives);
}

/** One client behind a load balancer, which reaches the other node each time. */
async function live(
  nodes: readonly ServerProcess[],
  p: { readonly answer: Answer; readonly turn: number },
): Promise<Life> {
  let { answer, turn } = p;
  const submittedAt = Date.now();
  const { status_url: url } = JSON.parse(answer.body) as WireOperation;
  for (let polls = 0; ; polls += 1) {
    const operation = JSON.parse(answer.body) as WireOperation;
    if (operation.finished_at !== null) {
      return { lagMs: Date.now() - Date.parse(operation.finished_at), polls, submittedAt };
    }
    if (!(answer.retryAfterMs > 0)) throw new Error(`${answer.status}: ${answer.body}`);
    await sleep(answer.retryAfterMs);
    turn += 1;
    const port = nodes[turn % nodes.length]?.port ?? 0;
    answer = await call(port, { method: 'GET', path: url });
  }
}

type Answer = { readonly status: number; readonly retryAfterMs: number; readonly body: string };

const agent = new Agent({ keepAlive: true, maxSockets: 256 });

function call(
  port: number,
  p: { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: string },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = p.body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request(
      { host: '127.0.0.1', port, agent, method: p.method, path: p.path, headers },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfterMs: Number(response.headers['retry-after-ms'] ?? 0),
            body,
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(p.body);
  });
}

function resultOf(
  files: readonly string[],
  { lives, startedAt }: { readonly lives: readonly Life[]; readonly startedAt: number },
): HerdResult {
  const seconds = new Map<number, number>();
  for (const file of files) {
    const counts = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    for (const [second, count] of Object.entries(counts)) {
      seconds.set(Number(second), (seconds.get(Number(second)) ?? 0) + count);
    }
  }
  const first = Math.floor(startedAt / 1000);
  const last = Math.max(...seconds.keys());
  const lags = lives.map(({ lagMs }) => lagMs).toSorted((a, b) => a - b);
  const submitted = lives.map(({ submittedAt }) => submittedAt).toSorted((a, b) => a - b);
  return {
    perSecond: Array.from({ length: last - first + 1 }, (_, i) => seconds.get(first + i) ?? 0),
    polls: lives.reduce((sum, { polls }) => sum + polls, 0),
    lagP50Ms: lags[lags.length >> 1] ?? 0,
    lagMaxMs: lags.at(-1) ?? 0,
    submittedInMs: (submitted.at(-1) ?? 0) - (submitted[0] ?? 0),
  };
}
