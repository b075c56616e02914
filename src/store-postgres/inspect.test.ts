import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { Client } from 'pg';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { inspectPostgres, postgresStore } from './postgres-store.ts';
import { oldSnapshots } from './old-snapshots.ts';

const server = await startPostgres({ settings: { max_prepared_transactions: '2' } });
after(() => server.stop());

it('says what is right and wrong with the server and the schema', async (t) => {
  if (server.control === null) return t.skip('its settings are not ours to know');
  const options = { url: server.url, schema: newSchema(), notify: false };
  const { store, ready } = postgresStore(options);
  t.after(() => dropSchema(options));
  await ready();
  await store.close();
  const found = await inspectPostgres(options);
  const of = (what: string) => found.find((finding) => finding.what === what);
  assert.match(
    of('postgres')!.detail,
    /^PostgreSQL \d+\.\d+; schema raincheck_test_\w+ has version \d+$/,
  );
  // The tests run without fsync, which nothing else should.
  assert.equal(of('settings')!.ok, false);
  assert.match(of('settings')!.detail, /^fsync is off: .*loss of power; full_page_writes is off: /);
  assert.match(of('connections')!.detail, /^\d+ of 57 are in use$/);
  assert.equal(of('clock')!.ok, true, of('clock')!.detail);
  assert.match(of('tables')!.detail, /^\d+ MB; no table is full of dead rows$/);
});

it('names what keeps dead rows in place: an open transaction, a prepared one', async (t) => {
  const options = { url: server.url, schema: newSchema(), notify: false };
  const { store, ready } = postgresStore(options);
  const database = await ready();
  const other = new Client({ connectionString: server.url });
  await other.connect();
  t.after(async () => {
    await other.end();
    await store.close();
    await dropSchema(options);
  });
  assert.deepEqual(await store.warnings!(), []);
  await other.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  const { rows } = await other.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const [text, ...more] = await oldSnapshots(database, 0);
  assert.match(
    text!,
    new RegExp(`^A transaction open for 0 min \\(process ${rows[0]!.pid}, idle in transaction;`),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(await store.warnings!(), [], 'it is not old yet');
  await other.query('COMMIT');

  if (server.control === null) return;
  await other.query(
    `BEGIN; CREATE TABLE "${options.schema}".prepared (id text); PREPARE TRANSACTION 'forgotten'`,
  );
  assert.match((await oldSnapshots(database, 0))[0]!, /^A prepared transaction of 0 min ago/);
  await other.query(`ROLLBACK PREPARED 'forgotten'`);
  assert.deepEqual(await oldSnapshots(database, 0), []);
});
