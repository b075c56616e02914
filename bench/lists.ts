/**
 * Measures pages of `GET /operations`, by filter, with a million operations in the store:
 *
 *   node --conditions=raincheck-source bench/lists.ts [sqlite|postgres] [operations]
 *
 * It measures everything but the socket, from address to JSON, in this process. For each filter it
 * reads 25 pages in all: the first one and those after it, as when scrolling, then the first one
 * again when there are no more. `p95` should be at most 200 ms. A dated run is in the README of
 * each store.
 */
import process from 'node:process';
import { defineTask } from '../src/engine/define-task.ts';
import { silentLogger } from '../src/engine/logger.ts';
import { raincheck, type Raincheck } from '../src/server/raincheck.ts';
import { noun, withFinished } from './finished-operations.ts';

const kind = process.argv[2] ?? 'sqlite';
const count = Number(process.argv[3] ?? 1_000_000);
const targetMs = 200;
const pages = 25;
const dayMs = 86_400_000;
const now = Date.now();

const filters = [
  '',
  'status=completed',
  'status=failed',
  'status=pending',
  'status=processing',
  'status=pending,processing',
  'status=failed,completed',
  'task=reports',
  'task=exports',
  'task=rare',
  'task=rare&status=failed',
  'code=task_error',
  'code=timeout',
  'label.team=team-7',
  'label.era=old',
  'since=2h',
  `until=${encodeURIComponent(new Date(now - 3 * dayMs).toISOString())}`,
  'q=fox',
  'q=Ada',
  'q=nothing-has-this',
  'error=econnrefused',
  'error=disk+full',
  'input.user.id=12345',
  'input.user.name=Ada',
  'input.user.name=Ada&task=rare&status=failed',
];

async function measure(rc: Raincheck, query: string): Promise<boolean> {
  const times: number[] = [];
  let found = 0;
  let cursor: string | null = null;
  for (let i = 0; i < pages; i += 1) {
    const more: string = cursor === null ? '' : `&cursor=${cursor}`;
    const from = performance.now();
    const answer: Response = await rc.fetch(
      new Request(`http://bench.test/operations?limit=50&${query}${more}`),
    );
    const text = await answer.text();
    times.push(performance.now() - from);
    if (answer.status !== 200) throw new Error(`${query}: ${text}`);
    const page = JSON.parse(text) as { operations: unknown[]; next_cursor: string | null };
    found += page.operations.length;
    cursor = page.next_cursor;
  }
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    (times[Math.ceil(share * times.length) - 1] ?? 0).toFixed(1).padStart(7);
  const isMet = (times[Math.ceil(0.95 * times.length) - 1] ?? 0) <= targetMs;
  const cells = [at(0.5), at(0.95), at(1), String(found).padStart(6), isMet ? 'met' : 'MISSED'];
  console.log(`| ${(query || '(none)').padEnd(45)} | ${cells.join(' | ')} |`);
  return isMet;
}

/**
 * Measures a request that looks at many pages at once. It is not a page of a list and has no limit
 * of 200 ms.
 */
async function measureWhole(rc: Raincheck, name: string, request: () => Request): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const from = performance.now();
    const answer = await rc.fetch(request());
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${name}: ${text}`);
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  console.log(`${name}: ${times[2]?.toFixed(0)} ms, at most ${times[4]?.toFixed(0)}`);
}

function counting(action: 'cancel' | 'retry', filter: object): () => Request {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ filter, dry_run: true });
  return () =>
    new Request(`http://bench.test/operations:batch-${action}`, { method: 'POST', headers, body });
}

async function run(store: string): Promise<void> {
  const tasks = ['reports', 'exports', 'rare'].map((name) => defineTask(name, { run: () => null }));
  const rc = raincheck({ tasks, store, work: false, logger: silentLogger, webhooks: false });
  try {
    for (let i = 0; i < 2_000; i += 1) {
      const body = JSON.stringify({ user: { id: i, name: 'Grace' }, notes: noun });
      const headers = { 'content-type': 'application/json' };
      await rc.fetch(new Request('http://bench.test/reports', { method: 'POST', body, headers }));
    }
    console.log(`${kind}, ${count.toLocaleString('en')} finished and 2,000 pending; ms a page`);
    console.log('| filter | p50 | p95 | max | found on 25 pages | p95 ≤ 200 ms |');
    console.log('|---|---|---|---|---|---|');
    const met: boolean[] = [];
    for (const query of filters) met.push(await measure(rc, query));
    if (met.includes(false)) process.exitCode = 1;
    const errors = 'http://bench.test/errors?since=30d';
    await measureWhole(rc, 'GET /errors', () => new Request(errors));
    await measureWhole(rc, 'GET /errors?task=rare', () => new Request(`${errors}&task=rare`));
    await measureWhole(rc, 'count 2,000 pending', counting('cancel', {}));
    await measureWhole(rc, 'count 10,000 of the failed', counting('retry', {}));
    const input = { 'user.name': 'Ada' };
    await measureWhole(rc, 'count the rare failed', counting('retry', { input }));
  } finally {
    await rc.stop({ now: true });
  }
}

await withFinished({ kind, count }, run);
