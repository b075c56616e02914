import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test, type TestContext } from 'node:test';
import { createEngine } from '../../src/engine/create-engine.ts';
import { defineTask } from '../../src/engine/define-task.ts';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { endlessTalker } from './fixtures/logging-worker.ts';
import { openStoreAt } from './fixtures/open-store-at.ts';

const server = await startPostgres();
after(() => server.stop());

/** A worker whose one operation logs; `next` returns its output, a line at a time. */
async function startWorker(t: TestContext, place: string) {
  const file = path.join(import.meta.dirname, 'fixtures', 'logging-worker.ts');
  const child = spawn(process.execPath, ['--conditions=raincheck-source', file, place], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => (await lines.next()).value ?? 'it ended';
  return { child, id: await next(), next };
}

/**
 * Kills the worker once lines are known to be stored; returns the operation and the number of those
 * lines.
 */
async function killedWhileItLogs(t: TestContext, place: string) {
  const { child, id, next } = await startWorker(t, place);
  let stored = 0;
  while (stored < 100) stored = Number(/^stored (\d+)$/.exec(await next())?.[1]);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  return { id, stored };
}

async function assertGoesOn(t: TestContext, place: string): Promise<void> {
  const { id, stored } = await killedWhileItLogs(t, place);
  const store = await openStoreAt(place);
  const kept = await store.readLogs({ id, after: 0, limit: 10_000 });
  assert.ok(kept.length >= stored, `${kept.length} of ${stored} lines`);
  for (const [i, { message, number }] of kept.entries()) {
    assert.deepEqual([number, message], [i + 1, `line ${i + 1}`]);
  }
  // Another worker recovers the operation and logs after the stored lines. The lost attempt does
  // not count, so its attempt is the first again.
  const heir = defineTask('talker', { run: ({ log }) => log.warn('once more') });
  const engine = createEngine({ store, tasks: [heir], lease: 1_000, poll: 50 });
  t.after(() => engine.stop({ now: true }).then(() => store.close()));
  await engine.start();
  const done = await engine.waitFor({
    id,
    tenant: '',
    until: 'final',
    version: 0,
    timeoutMs: 30_000,
  });
  const all = await store.readLogs({ id, after: kept.length, limit: 10 });
  assert.deepEqual(
    [done.state, ...all.map(({ message, attempt }) => `${attempt} ${message}`)],
    ['completed', '1 once more'],
  );
}

test('kill -9 in the middle keeps the lines that were stored: a file', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-logs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  await assertGoesOn(t, path.join(folder, 'logs.db'));
});

test('kill -9 in the middle keeps the lines that were stored: PostgreSQL', async (t) => {
  const options = { url: server.url, schema: newSchema() };
  t.after(() => dropSchema(options));
  await assertGoesOn(t, `${options.schema}@${options.url}`);
});

test('a process without workers follows what another one logs', async (t) => {
  const options = { url: server.url, schema: newSchema() };
  t.after(() => dropSchema(options));
  const place = `${options.schema}@${options.url}`;
  const store = await openStoreAt(place);
  // It would poll every minute, so what arrives sooner was notified.
  const engine = createEngine({ store, tasks: [endlessTalker], poll: '1m' });
  t.after(() => engine.stop({ now: true }).then(() => store.close()));
  engine.listen();
  const { id } = await startWorker(t, place);
  const signal = AbortSignal.timeout(30_000);
  let heard = 0;
  for await (const lines of engine.followLogs({ id, after: 0, signal })) {
    for (const { number } of lines) assert.equal(number, (heard += 1));
    if (heard >= 200) break;
  }
});
