import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, it } from 'node:test';
import { dropSchema, newSchema, runSql } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { openPostgresStore } from '../../src/store-postgres/postgres-store.ts';
import { runCli } from '../support/run-cli.ts';
import { postJson, ServerProcess, statusWhen } from './server-process.ts';

const database = await startPostgres();
after(() => database.stop());

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The answer of /readyz; null while no server listens. */
async function readiness(url: string): Promise<Response | null> {
  try {
    return await fetch(`${url}/readyz`);
  } catch {
    return null;
  }
}

it('a server waits for a database that is not up yet, answers 503 meanwhile, and then works', async (t) => {
  if (database.control === null) {
    t.skip('the server is not ours to stop');
    return;
  }
  await database.control.down('fast');
  const schema = newSchema();
  const port = await freePort();
  const args = ['dev', '--store', `${database.url}?schema=${schema}`, '--port', String(port)];
  await using server = new ServerProcess(args);
  await server.printed(/The store cannot be reached; trying again/);
  const url = `http://127.0.0.1:${port}`;
  const answer = await readiness(url);
  assert.equal(answer?.status, 503);
  assert.notEqual(answer?.headers.get('retry-after'), null);
  assert.doesNotMatch(
    server.output,
    /127\.0\.0\.1:\d+\/postgres\?|raincheck@/,
    'no address in the log',
  );
  await database.control.up();
  await server.url();
  assert.match(
    server.output,
    /Store +postgres:\/\/127\.0\.0\.1:\d+\/postgres, schema raincheck_test_/,
  );
  const accepted = await postJson(`${url}/countdown`, { seconds: 1 });
  assert.equal(accepted.status, 202, await accepted.text());
  const location = new URL(accepted.headers.get('location') ?? '', url);
  await statusWhen(location.href, ({ status }) => status === 'completed');
  assert.equal((await readiness(url))?.status, 200);
  server.kill('SIGTERM');
  assert.equal(await server.exited, 0, server.output);
  await dropSchema({ url: database.url, schema });
});

it('an API node and a worker share a database that `raincheck migrate` has made', async (t) => {
  const schema = newSchema();
  const env = { DATABASE_URL: `${database.url}?schema=${schema}` };
  t.after(() => dropSchema({ url: database.url, schema }));
  for (const told of [/schema raincheck_test_\w+: version 0 → \d+\n/, /: version \d+ already\n/]) {
    const { code, stdout, stderr } = await runCli(['migrate'], { env });
    assert.equal(code, 0, stderr);
    assert.match(stdout + stderr, told);
  }
  const config = ['--config', path.join(import.meta.dirname, '../chaos/nodes.config.ts')];
  await using api = new ServerProcess(['serve', '--role', 'api', '--port', '0', ...config], {
    env,
  });
  const url = await api.url();
  const accepted = await postJson(`${url}/plain`, { marker: 'm', key: 'k', failures: 0 });
  assert.equal(accepted.status, 202, await accepted.text());
  const location = new URL(accepted.headers.get('location') ?? '', url).href;
  const health = await freePort();
  await using worker = new ServerProcess(['worker', '--health-port', `${health}`, ...config], {
    env,
  });
  const done = await statusWhen(location, ({ status }) => status === 'completed');
  assert.equal(done.attempt, 1);
  assert.equal((await readiness(`http://127.0.0.1:${health}`))?.status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${health}/operations`)).status, 404);
  const metrics = await (await fetch(`http://127.0.0.1:${health}/metrics`)).text();
  const finished = 'raincheck_operations_finished_total{task="plain",outcome="completed"} 1';
  assert.ok(metrics.includes(finished), metrics);
  for (const node of [worker, api]) {
    node.kill('SIGTERM');
    assert.equal(await node.exited, 0, node.output);
  }
});

it('half a server on a store that no other process can have open is refused', async () => {
  const config = ['--config', path.join(import.meta.dirname, '../chaos/nodes.config.ts')];
  for (const half of [['worker'], ['serve', '--role', 'api']]) {
    const { code, stderr } = await runCli([...half, '--store', 'memory:', ...config]);
    assert.equal(code, 2);
    assert.match(stderr, /needs a store that several processes share: name a postgres:\/\//);
  }
  const { code, stderr } = await runCli(['migrate', '--store', 'some.db']);
  assert.notEqual(code, 0);
  assert.match(stderr, /Expected a postgres:\/\/ store to migrate, got the file some\.db/);
});

it('`raincheck doctor` looks at the server and the schema', async (t) => {
  if (database.control === null) return t.skip('its settings are not ours to know');
  const schema = newSchema();
  t.after(() => dropSchema({ url: database.url, schema }));
  const env = { DATABASE_URL: `${database.url}?schema=${schema}`, RAINCHECK_PORT: '0' };
  const config = ['--config', path.join(import.meta.dirname, '../chaos/nodes.config.ts')];
  const { code, stdout } = await runCli(['doctor', ...config], { env });
  assert.match(stdout, /✔ store +postgres:\/\/127\.0\.0\.1:\d+\/postgres, schema \w+ takes writes/);
  assert.match(
    stdout,
    /✔ postgres +PostgreSQL \d+\.\d+; schema raincheck_test_\w+ has version \d+\n/,
  );
  assert.match(stdout, /✔ clock +this machine's clock and the database's differ by \d+ ms/);
  assert.match(
    stdout,
    /✖ settings +fsync is off: what was acknowledged would not survive a loss of power/,
  );
  assert.equal(code, 1, stdout);
});

it('the queries of docs/postgres.md work', async () => {
  const options = { url: database.url, schema: newSchema() };
  await (await openPostgresStore(options)).close();
  const file = path.join(import.meta.dirname, '..', '..', 'docs', 'postgres.md');
  const [, block = ''] = /```sql\n([\s\S]*?)```/.exec(readFileSync(file, 'utf8')) ?? [];
  const queries = block
    .replaceAll(/^--.*$/gm, '')
    .split(';')
    .filter((query) => query.trim() !== '');
  assert.ok(queries.length >= 5);
  for (const query of queries) {
    await runSql(options.url, query.replaceAll(/\braincheck\b/g, options.schema));
  }
  await dropSchema(options);
});
