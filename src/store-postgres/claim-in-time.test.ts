import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { Client } from 'pg';
import { StoreBench } from '../testing/store-bench.ts';
import { until } from '../testing/until.fixture.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { postgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

it('a claim that comes before the commit of what becomes ready says: ask again, once it is there', async (t) => {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  const { store, ready } = postgresStore(options);
  const other = new Client({ connectionString: server.url });
  await other.connect();
  t.after(async () => {
    await other.end();
    await store.close();
    await dropSchema(options);
  });
  const database = await ready();
  const bench = new StoreBench({ store, close: async () => {} });
  await bench.completed();
  // Holds the last thing that accepting writes.
  await other.query(`BEGIN; UPDATE "${options.schema}".tasks SET paused = FALSE`);
  const creating = bench.create();
  const waiting = `
    SELECT count(*)::int FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'raincheck'`;
  await until(
    'somebody waits for a lock',
    () => runSql(server.url, waiting),
    ([row]) => row?.['count'] !== 0,
  );

  const before = database.roundTrips;
  const asked = store.claimOperations({
    worker: 'w',
    newToken: bench.newToken,
    leaseMs: bench.leaseMs,
    limit: 10,
    tasks: [{ name: 'reports', concurrency: null, keyConcurrency: null }],
    now: bench.now,
  });
  await until('it has looked, and commits', () => database.roundTrips >= before + 2);
  await other.query('COMMIT');
  assert.deepEqual(await asked, { claimed: [], nextDueAt: bench.now });
  const { id } = await creating;
  assert.deepEqual(
    (await bench.claim()).map(({ operation }) => operation.id),
    [id],
  );
});
