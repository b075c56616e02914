import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, it } from 'node:test';
import { parse } from 'yaml';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { ServerProcess, statusWhen } from './server-process.ts';

/**
 * examples/postgres/compose.yaml as far as it goes without a container engine: the file is read as
 * Compose reads it, and the commands of its services are started as processes, with their
 * variables, against one database.
 */
type Service = {
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
};

const file = path.join(import.meta.dirname, '../../examples/postgres/compose.yaml');
const { services } = parse(readFileSync(file, 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
};
const ours = Object.entries(services).filter(([name]) => name !== 'database');
const folder = path.join(import.meta.dirname, 'fixtures');
const token = 'a-token-of-the-test';

const database = await startPostgres();
after(() => database.stop());

it('its services depend on services that are there, and its health checks ask the port that is listened on', () => {
  for (const [name, { depends_on: needs = {}, healthcheck, command = [], ports }] of ours) {
    for (const [needed, { condition }] of Object.entries(needs)) {
      assert.ok(needed in services, `${name} needs ${needed}`);
      const hasCheck = services[needed]?.healthcheck !== undefined;
      assert.ok(condition === 'service_completed_successfully' || hasCheck, name);
    }
    if (name === 'migrate') continue;
    const asked = /:(\d+)\/readyz/.exec(healthcheck?.test.join(' ') ?? '')?.[1];
    const flag = command.indexOf('--health-port');
    assert.equal(asked, flag < 0 ? '7333' : command[flag + 1], name);
    for (const port of ports ?? []) assert.match(port, /^\d+:7333$/, name);
  }
});

it('its commands, started as processes, do what the file says: migrate, two API nodes, two workers', async (t) => {
  const schema = newSchema();
  const url = new URL(database.url);
  const started = new Map<string, ServerProcess>();
  t.after(async () => {
    for (const server of started.values()) await server[Symbol.asyncDispose]();
    await dropSchema({ url: database.url, schema });
  });
  const start = (name: string): ServerProcess => {
    const { command = [], environment = {} } = services[name]!;
    assert.deepEqual(command.slice(0, 2), ['npx', 'raincheck'], name);
    const args = command.slice(2);
    const flag = args.indexOf('--health-port');
    if (flag >= 0) args[flag + 1] = '0';
    const env: Record<string, string> = { ...environment };
    const given = new URL(env['DATABASE_URL'] ?? '');
    assert.ok(given.hostname in services, 'the database is a service');
    env['DATABASE_URL'] = `${url.href}?schema=${schema}`;
    assert.match(env['RAINCHECK_TOKEN'] ?? '', /^\$\{RAINCHECK_TOKEN:\?/);
    env['RAINCHECK_TOKEN'] = token;
    assert.equal(env['RAINCHECK_HOST'], '0.0.0.0');
    // The test stays on this machine, and takes any free port.
    env['RAINCHECK_HOST'] = '127.0.0.1';
    env['RAINCHECK_PORT'] = '0';
    const server = new ServerProcess(args, { env, folder });
    started.set(name, server);
    return server;
  };
  const migrate = start('migrate');
  assert.equal(await migrate.exited, 0, migrate.output);
  for (const [name] of ours) if (name !== 'migrate') start(name);
  assert.deepEqual([...started.keys()].sort(), [
    'api-1',
    'api-2',
    'migrate',
    'worker-1',
    'worker-2',
  ]);
  const [first, second] = await Promise.all(
    ['api-1', 'api-2'].map((name) => started.get(name)!.url()),
  );
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  const accepted = await fetch(`${first}/echo`, { method: 'POST', headers, body: '{"n":1}' });
  assert.equal(accepted.status, 202, await accepted.text());
  const location = new URL(accepted.headers.get('location') ?? '', second);
  const done = await statusWhen(location.href, ({ status }) => status === 'completed', headers);
  assert.equal(done.attempt, 1);
  assert.equal((await fetch(location)).status, 401, 'nobody without the token');
  for (const [name, server] of started) {
    if (name === 'migrate') continue;
    server.kill('SIGTERM');
    assert.equal(await server.exited, 0, server.output);
  }
});
