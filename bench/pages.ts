/**
 * Measures the dashboard's pages with a million operations in the store, while others are submitted
 * and run:
 *
 *   node --conditions=raincheck-source bench/pages.ts [sqlite|postgres] [operations] [submits a second]
 *
 * It runs a server as a user does and reads over HTTP. Each request that a page makes when it is
 * opened is sent 40 times, spread over the load. `p95` must be at most 200 ms; the exit code is 1
 * when one is over.
 */
import process from 'node:process';
import { withFinished } from './finished-operations.ts';
import { startRaincheck } from './servers.ts';
import { percentile } from './statistics.ts';

const kind = process.argv[2] ?? 'sqlite';
const count = Number(process.argv[3] ?? 1_000_000);
const perSecond = Number(process.argv[4] ?? 200);
const targetMs = 200;
const rounds = 40;

/** The requests of each page. `:id` is an operation of the load. */
const pages: Readonly<Record<string, readonly string[]>> = {
  Overview: ['/stats?window=1h', '/tasks', '/errors?since=24h&limit=5'],
  Operations: [
    '/operations?limit=50',
    '/operations?limit=50&status=failed',
    '/operations?limit=50&status=pending',
    '/operations?limit=50&status=processing',
    '/operations?limit=50&task=reports&status=failed',
    '/operations?limit=50&label.team=team-7',
    '/operations?limit=50&error=econnrefused',
    '/operations?limit=50&input.user.id=12345',
    '/operations?limit=50&q=Ada',
  ],
  Operation: ['/operations/:id', '/operations/:id/input', '/webhooks/deliveries?operation=:id'],
  'Dead letters': ['/errors?since=7d', '/webhooks/dead-letters:groups'],
  Webhooks: ['/webhooks/endpoints?limit=50', '/webhooks/deliveries?limit=50'],
  Tasks: ['/tasks/noop'],
  Workers: ['/workers'],
};

/**
 * Submits at an even pace until it is stopped; returns the number accepted and the id of the
 * latest.
 */
function load(origin: string): { latest: () => string; stop: () => number } {
  const told = { accepted: 0, latest: '' };
  const everyMs = 50;
  const submit = async (): Promise<void> => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${origin}/noop`, { method: 'POST', headers, body: '{"n":1}' });
    if (answer.status !== 202) throw new Error(`submit: ${answer.status}`);
    const { id } = (await answer.json()) as { id: string };
    told.accepted += 1;
    told.latest = id;
  };
  const timer = setInterval(() => {
    // A failure ends the process as an unhandled rejection.
    for (let i = 0; i < (perSecond * everyMs) / 1000; i += 1) void submit();
  }, everyMs);
  return {
    latest: () => told.latest,
    stop: () => {
      clearInterval(timer);
      return told.accepted;
    },
  };
}

async function measure(store: string): Promise<void> {
  const server = await startRaincheck(store);
  const origin = `http://127.0.0.1:${server.port}`;
  const running = load(origin);
  const startedAt = performance.now();
  try {
    while (running.latest() === '') await new Promise((resolve) => setTimeout(resolve, 50));
    const times = new Map<string, number[]>();
    for (let round = 0; round < rounds; round += 1) {
      for (const target of Object.values(pages).flat()) {
        const from = performance.now();
        const answer = await fetch(origin + target.replace(':id', running.latest()));
        await answer.arrayBuffer();
        if (answer.status !== 200) throw new Error(`${target}: ${answer.status}`);
        times.set(target, [...(times.get(target) ?? []), performance.now() - from]);
      }
    }
    const accepted = running.stop();
    const pace = accepted / ((performance.now() - startedAt) / 1000);
    console.log(
      `${kind}, ${count.toLocaleString('en')} finished, ${pace.toFixed(0)} submitted a second; ms`,
    );
    for (const [page, targets] of Object.entries(pages)) {
      for (const target of targets) report(page, target, times.get(target) ?? []);
    }
  } finally {
    running.stop();
    await server.stop();
  }
}

function report(page: string, target: string, times: readonly number[]): void {
  const sorted = Float64Array.from(times).sort();
  const cell = (q: number): string => percentile(sorted, q).toFixed(1).padStart(7);
  const isMet = percentile(sorted, 0.95) <= targetMs;
  if (!isMet) process.exitCode = 1;
  const cells = [
    page.padEnd(12),
    target.padEnd(48),
    cell(0.5),
    cell(0.95),
    isMet ? 'met' : 'MISSED',
  ];
  console.log(`| ${cells.join(' | ')} |`);
}

await withFinished({ kind, count }, measure);
