import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { StoreBench, completedBy } from '../testing/store-bench.ts';
import { readySql } from './claim.ts';
import { setPlanner } from './transaction-settings.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

// Without autovacuum, which looks once a minute and might hide a missing vacuum of ours.
const server = await startPostgres({ settings: { autovacuum: 'off' } });
after(() => server.stop());

it('a claim reads few pages, however many operations have passed through the queue', async (t) => {
  const options = { url: server.url, schema: newSchema(), notify: false } as const;
  const store = await openPostgresStore(options);
  t.after(() => dropSchema(options));
  const bench = new StoreBench({ store, close: async () => {} });
  const group = 500;
  for (let passed = 0; passed < 21_000; passed += group) {
    bench.now = Date.now();
    const operations = Array.from({ length: group }, () => bench.planned());
    await store.createOperations({ operations, pendingMax: 1e9, now: bench.now });
    const claimed = await bench.claim({ limit: group });
    assert.equal(claimed.length, group);
    await bench.settle(...claimed.map(({ operation }) => completedBy(operation)));
  }
  await bench.create();
  await store.close();
  const sql = readySql
    .replaceAll(/@(?=[a-z])/g, `"${options.schema}".`)
    .replace('$1', "ARRAY['reports']")
    .replace('$2', 'ARRAY[1]');
  const settings = setPlanner();
  const [row] = await runSql(
    `${server.url}?options=${encodeURIComponent(optionsOf(settings))}`,
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${sql}`,
  );
  const [{ Plan: plan }] = row!['QUERY PLAN'] as [{ Plan: Record<string, number> }];
  const pages = plan['Shared Hit Blocks']! + plan['Shared Read Blocks']!;
  t.diagnostic(`${pages} pages`);
  // 10 in a clean queue, 31 here; 217 without our vacuum.
  assert.ok(pages < 100, `${pages} pages`);
});

/** Turns `SET SESSION a = 'b'; …` into command line options of a session. */
function optionsOf(settings: string): string {
  return settings.replaceAll(/SET SESSION (\w+) = '(\w+)';?/g, '-c $1=$2');
}
