import assert from 'node:assert/strict';
import path from 'node:path';
import { after, it, type TestContext } from 'node:test';
import { dropSchema, newSchema, runSql } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { startProxy } from '../../src/store-postgres/proxy.fixture.ts';
import { postJson, ServerProcess, statusWhen } from './server-process.ts';

const database = await startPostgres();
after(() => database.stop());

const config = ['--config', path.join(import.meta.dirname, 'fixtures', 'paused.config.ts')];

/** An API node, one worker on `workerUrl` that has begun an operation, and that operation. */
async function begun(t: TestContext, workerUrl: string) {
  const schema = newSchema();
  const start = (args: string[], url: string, name = ''): ServerProcess => {
    const env = { DATABASE_URL: `${url}?schema=${schema}`, WORKER: name };
    const server = new ServerProcess([...args, ...config], { env });
    t.after(() => server[Symbol.asyncDispose]());
    return server;
  };
  const startWorker = (url: string, name: string) =>
    start(['worker', '--health-port', '0'], url, name);
  const api = start(['serve', '--role', 'api', '--port', '0'], database.url);
  const origin = await api.url();
  const worker = startWorker(workerUrl, 'first');
  const accepted = await postJson(`${origin}/slow`, {});
  assert.equal(accepted.status, 202, await accepted.text());
  const location = new URL(accepted.headers.get('location') ?? '', origin).href;
  await worker.printed(/began op_\w+ attempt 1/);
  t.after(() => dropSchema({ url: database.url, schema }));
  return { worker, location, schema, another: () => startWorker(database.url, 'second') };
}

/** The row in the database must stay as the second worker left it, to the last column. */
async function checkUnchanged(schema: string, act: () => Promise<unknown>): Promise<void> {
  const rows = () => runSql(database.url, `SELECT * FROM "${schema}".operations`);
  const before = await rows();
  await act();
  assert.deepEqual(await rows(), before);
  assert.equal(before[0]!['result_inline'], '"by the second"');
  const counters = await runSql(
    database.url,
    `SELECT pending, processing, completed, failed FROM "${schema}".tasks`,
  );
  assert.deepEqual(counters, [{ pending: '0', processing: '0', completed: '1', failed: '0' }]);
}

// Three processes start, which is 3 s of CPU: 25 s were measured with ten others on each core.
const timeout = 120_000;

it(
  'a worker that was stopped for longer than its lease aborts its handler and changes nothing',
  { timeout },
  async (t) => {
    const { worker, location, schema, another } = await begun(t, database.url);
    worker.kill('SIGSTOP');
    another();
    await statusWhen(location, ({ status }) => status === 'completed');
    await checkUnchanged(schema, async () => {
      worker.kill('SIGCONT');
      await worker.printed(/aborted lease_lost/);
      worker.kill('SIGTERM');
      assert.equal(await worker.exited, 0, worker.output);
    });
  },
);

it(
  'a worker that was cut off from the database for longer than its lease does neither',
  { timeout },
  async (t) => {
    const proxy = await startProxy(database.url);
    t.after(() => proxy.close());
    const { worker, location, schema, another } = await begun(t, proxy.url);
    proxy.freeze();
    another();
    await statusWhen(location, ({ status }) => status === 'completed');
    await checkUnchanged(schema, async () => {
      proxy.thaw();
      await worker.printed(/aborted lease_lost/);
      worker.kill('SIGTERM');
      assert.equal(await worker.exited, 0, worker.output);
    });
  },
);
