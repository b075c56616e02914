import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, appendFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it, type TestContext } from 'node:test';
import { createEngine } from '../engine/create-engine.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';
import { keyedTask, keyLimit } from './worker-process.fixture.ts';

const server = await startPostgres();
after(() => server.stop());

const count = 500;
const keys = 12;

async function startWorker(t: TestContext, ...args: string[]): Promise<ChildProcess> {
  const file = path.join(import.meta.dirname, 'worker-process.fixture.ts');
  const child = spawn(process.execPath, ['--conditions=raincheck-source', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

/** The most handlers that ran at once for one key; those of a killed process ended with it. */
function keyPeakOf(lines: readonly (readonly string[])[]): number {
  const running = new Map<string, { pid: string; key: string }>();
  let peak = 0;
  for (const [pid = '', word, id = '', key = ''] of lines) {
    if (word === 'start') running.set(`${pid} ${id}`, { pid, key });
    if (word === 'end') running.delete(`${pid} ${id}`);
    if (word === 'killed') {
      for (const [name, one] of running) if (one.pid === pid) running.delete(name);
    }
    const same = [...running.values()].filter((one) => one.key === key).length;
    peak = Math.max(peak, same);
  }
  return peak;
}

it('two processes share the work, exactly to the limit, and one is killed in the middle of it', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-two-'));
  const log = path.join(folder, 'handlers.log');
  writeFileSync(log, '');
  const options = { url: server.url, schema: newSchema() };
  const store = await openPostgresStore(options);
  t.after(async () => {
    await store.close();
    await dropSchema(options);
    rmSync(folder, { recursive: true });
  });
  const workers = await Promise.all(
    [0, 1].map(() => startWorker(t, options.url, options.schema, log)),
  );
  // This engine accepts and reads; it is never started, so it runs nothing.
  const engine = createEngine({ store, tasks: [keyedTask(() => undefined)], poll: 50 });
  const submitted = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const value = { key: `k${i % keys}` };
      const idempotency = { key: `request-${i}`, fingerprint: 'f' };
      const input = { value, text: JSON.stringify(value) };
      const submit = () => engine.submit({ task: 'keyed', tenant: '', input, idempotency });
      // A client that sends every request twice.
      return Promise.all([submit(), submit()]);
    }),
  );
  const ids = submitted.map(([first, second]) => {
    assert.equal(first.operation.id, second.operation.id);
    assert.ok(first.replayed !== second.replayed);
    return first.operation.id;
  });
  const final = (id: string) =>
    engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 60_000 });
  await final(ids[count / 2]!);
  const [killed, survivor] = workers as [ChildProcess, ChildProcess];
  const exited = once(killed, 'exit');
  killed.kill('SIGKILL');
  await exited;
  appendFileSync(log, `${killed.pid} killed\n`);

  const operations = await Promise.all(ids.map(final));
  assert.deepEqual(new Set(operations.map(({ state }) => state)), new Set(['completed']));
  const [task] = await store.readTasks();
  const { pending, processing, completed, failed } = task!;
  assert.deepEqual(
    { pending, processing, completed, failed },
    { pending: 0, processing: 0, completed: count, failed: 0 },
    'every operation became final exactly once',
  );
  const slots = await runSql(
    options.url,
    `SELECT coalesce(sum(running), 0) AS running, coalesce(sum(parked), 0) AS parked FROM "${options.schema}".slots`,
  );
  assert.deepEqual(slots, [{ running: '0', parked: '0' }]);

  const lines = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '));
  const starts = lines.filter(([, word]) => word === 'start');
  assert.ok(keyPeakOf(lines) <= keyLimit, `${keyPeakOf(lines)} handlers of one key at once`);
  const processes = new Set(starts.map(([pid]) => pid));
  assert.equal(processes.size, 2, 'both had a share');
  const recoveries = operations.reduce((sum, operation) => sum + operation.recoveries, 0);
  assert.ok(starts.length <= count + recoveries, 'no more starts than recoveries account for');
  t.diagnostic(
    `${starts.filter(([pid]) => pid === String(survivor.pid)).length} of ${starts.length} starts by the survivor, ${recoveries} recovered`,
  );
  const stopped = once(survivor, 'exit');
  survivor.kill('SIGTERM');
  const [code] = await stopped;
  assert.equal(code, 0);
});
