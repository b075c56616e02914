import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import type { RaincheckError } from '../core/errors.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { Database } from './connection.ts';
import { migrate, migrations } from './migrations.ts';
import { describeSchema } from './schema-description.fixture.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

function schemaFor(t: TestContext): { url: string; schema: string } {
  const options = { url: server.url, schema: newSchema() };
  t.after(() => dropSchema(options));
  return options;
}

async function openDatabase(
  t: TestContext,
  p: { readonly url: string; readonly schema: string },
): Promise<Database> {
  const database = await Database.load({
    ...p,
    clock: 'caller',
    writers: 3,
    readers: 3,
    prepare: true,
  });
  t.after(() => database.close());
  return database;
}

function incompatible(text: RegExp): (error: RaincheckError) => boolean {
  return (error) => {
    assert.match(error.message, text);
    return error.code === 'store_incompatible';
  };
}

describe('the schema', { timeout: 60_000 }, () => {
  it('is made once by ten nodes that start at the same moment', async (t) => {
    const options = schemaFor(t);
    const stores = await Promise.all(
      Array.from({ length: 10 }, () => openPostgresStore({ ...options, notify: false })),
    );
    const bench = new StoreBench({ store: stores[0]!, close: async () => {} });
    const { id } = await bench.create();
    for (const store of stores) assert.equal((await store.readOperation({ id }))?.id, id);
    await Promise.all(stores.map((store) => store.close()));
    const versions = await runSql(
      server.url,
      `SELECT version FROM "${options.schema}".schema_version`,
    );
    assert.deepEqual(versions, [{ version: migrations.length }]);
  });

  it('is the same migrated step by step as made at once', async (t) => {
    const [fresh, migrated] = [schemaFor(t), schemaFor(t)];
    await migrate(await openDatabase(t, fresh));
    for (let steps = 1; steps <= migrations.length; steps += 1) {
      await migrate(await openDatabase(t, migrated), migrations.slice(0, steps));
    }
    const found = await describeSchema(migrated);
    assert.deepEqual(found, await describeSchema(fresh));
    assert.ok(JSON.stringify(found).includes('queue_ready'));
  });

  it('stands or falls with its step: one that fails half-way leaves nothing of it', async (t) => {
    const options = schemaFor(t);
    const database = await openDatabase(t, options);
    await migrate(database);
    const before = await describeSchema(options);
    const broken = [...migrations, 'CREATE TABLE @half (id text); CREATE TABLE @half (id text)'];
    await assert.rejects(migrate(database, broken));
    assert.deepEqual(await describeSchema(options), before);
    await migrate(database, [...migrations, 'CREATE TABLE @whole (id text)']);
    const [row] = await runSql(
      server.url,
      `SELECT version FROM "${options.schema}".schema_version`,
    );
    assert.equal(row!['version'], migrations.length + 1);
  });

  it('one version ahead works, for a rolling upgrade; further ahead is refused', async (t) => {
    const options = schemaFor(t);
    const store = await openPostgresStore(options);
    await store.close();
    const set = (version: number) =>
      runSql(server.url, `UPDATE "${options.schema}".schema_version SET version = ${version}`);
    await set(migrations.length + 1);
    await (await openPostgresStore(options)).close();
    await set(migrations.length + 2);
    await assert.rejects(openPostgresStore(options), incompatible(/Use a newer Raincheck/));
  });

  it("is not made among somebody else's tables", async (t) => {
    const options = schemaFor(t);
    await runSql(server.url, `CREATE SCHEMA "${options.schema}"`);
    await runSql(server.url, `CREATE TABLE "${options.schema}".customers (id text)`);
    await assert.rejects(openPostgresStore(options), incompatible(/not Raincheck's/));
    const tables = await runSql(
      server.url,
      `SELECT count(*)::int FROM pg_tables WHERE schemaname = '${options.schema}' AND tablename = 'operations'`,
    );
    assert.deepEqual(tables, [{ count: 0 }]);
  });

  it('can be used by a role that may not make schemas, once it is there', async (t) => {
    const options = schemaFor(t);
    const role = `${options.schema}_app`;
    await runSql(server.url, `CREATE ROLE "${role}" LOGIN`);
    t.after(async () => {
      await dropSchema(options);
      await runSql(server.url, `DROP ROLE "${role}"`);
    });
    const url = new URL(server.url);
    url.username = role;
    const asRole = { ...options, url: url.href };
    await assert.rejects(openPostgresStore(asRole), incompatible(/grant/));
    await runSql(server.url, `CREATE SCHEMA "${options.schema}" AUTHORIZATION "${role}"`);
    const store = await openPostgresStore(asRole);
    await store.ping();
    await store.close();
  });

  it('is named in options that are checked', async () => {
    const url = 'postgres://localhost/db';
    for (const [options, text] of [
      [{ url, schema: 'Bad"name' }, /schema/],
      [{ url: 'mysql://localhost' }, /url/],
      [{ url, connections: 2 }, /connections/],
      [{ url, shema: 'x' }, /shema/],
    ] as const) {
      await assert.rejects(
        openPostgresStore(options as { url: string }),
        (error: RaincheckError) => {
          assert.match(error.message, text);
          return error.code === 'invalid_option';
        },
      );
    }
  });
});
