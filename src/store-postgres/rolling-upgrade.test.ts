import assert from 'node:assert/strict';
import { after, it, type TestContext } from 'node:test';
import { completedBy, StoreBench } from '../testing/store-bench.ts';
import { delivered, endedBy } from '../testing/webhook-bench.ts';
import { Database } from './connection.ts';
import { migrate, migrations } from './migrations.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { postgresStore } from './postgres-store.ts';
import { describeSchema, forbiddenChanges } from './schema-description.fixture.ts';

const server = await startPostgres();
after(() => server.stop());

/** All that a step of the next release may do, done to the tables that are used most. */
const nextStep = `
ALTER TABLE @operations ADD COLUMN next_text text COLLATE "C";
ALTER TABLE @operations ADD COLUMN next_number integer NOT NULL DEFAULT 7;
ALTER TABLE @queue ADD COLUMN next_flag boolean NOT NULL DEFAULT false;
ALTER TABLE @tasks ADD COLUMN next_count bigint NOT NULL DEFAULT 0;
ALTER TABLE @endpoints ADD COLUMN next_text text;
ALTER TABLE @deliveries ADD COLUMN next_text text;
CREATE TABLE @next_things (id text PRIMARY KEY);
CREATE INDEX operations_next ON @operations (next_text) WHERE next_text IS NOT NULL`;

async function opened(t: TestContext, steps = migrations) {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  const { store, ready } = postgresStore(options);
  t.after(async () => {
    await store.close();
    await dropSchema(options);
  });
  const database = await ready();
  return { options, database, steps, bench: new StoreBench({ store, close: async () => {} }) };
}

/** Every kind of write and read that nodes do all day. */
async function work(bench: StoreBench): Promise<void> {
  const [first, second, third] = [await bench.create(), await bench.create(), await bench.create()];
  const claimed = (await bench.claim()).map(({ operation }) => operation);
  assert.deepEqual(new Set(claimed.map(({ id }) => id)), new Set([first.id, second.id, third.id]));
  assert.deepEqual(await bench.settle(completedBy(claimed[0]!)), ['applied']);
  assert.equal((await bench.cancel(claimed[1]!.id)).outcome, 'requested');
  bench.now += bench.leaseMs + 1;
  await bench.sweep();
  const again = await bench.claim();
  assert.equal(again.length, 1, 'the one whose lease ran out; the other was to be cancelled');
  assert.deepEqual(await bench.settle(completedBy(again[0]!.operation)), ['applied']);
  const { webhooks } = bench;
  for (const { delivery } of await webhooks.claim()) {
    await webhooks.settle(endedBy(delivery, delivered()));
  }
  assert.ok((await bench.list()).length >= 3);
  await bench.assertCountersExact();
}

it('a node goes on without an error while a newer one takes the schema a version further, and after', async (t) => {
  const { bench, database } = await opened(t);
  await bench.webhooks.endpoint();
  bench.outbox = bench.webhooks.outbox();
  await work(bench);
  const load = { isOver: false, made: 0 };
  const clients = Array.from({ length: 4 }, async () => {
    while (!load.isOver) {
      await bench.create({ task: 'exports' });
      load.made += 1;
    }
  });
  await migrate(database, [...migrations, nextStep]);
  load.isOver = true;
  await Promise.all(clients);
  assert.ok(load.made > 0);
  for (let i = 0; i < 8; i += 1) await work(bench); // more often than it takes to keep a plan
});

it('every step only adds, as the release before needs it; what does not is noticed', async (t) => {
  const { options, database } = await opened(t);
  const described = [await describeSchema(options)];
  await migrate(database, [...migrations, nextStep]);
  described.push(await describeSchema(options));
  assert.deepEqual(forbiddenChanges(described[0]!, described[1]!), []);

  for (let version = 1; version < migrations.length; version += 1) {
    const released = { url: server.url, schema: newSchema() };
    t.after(() => dropSchema(released));
    const own = await Database.load({
      ...released,
      clock: 'caller',
      writers: 3,
      readers: 3,
      prepare: true,
    });
    t.after(() => own.close());
    await migrate(own, migrations.slice(0, version));
    const before = await describeSchema(released);
    await migrate(own, migrations.slice(0, version + 1));
    assert.deepEqual(forbiddenChanges(before, await describeSchema(released)), []);
  }

  for (const [step, what] of [
    ['ALTER TABLE @operations DROP COLUMN retry_of', 'retry_of'],
    ['ALTER TABLE @operations ADD COLUMN needed text NOT NULL', 'needed'],
    ['ALTER TABLE @tasks RENAME COLUMN paused TO stopped', 'paused'],
    ['DROP INDEX @queue_ready', 'queue_ready'],
    ['ALTER TABLE @queue ADD CONSTRAINT strict CHECK (priority > 0)', 'strict'],
  ] as const) {
    const planted = await opened(t);
    const before = await describeSchema(planted.options);
    await migrate(planted.database, [...migrations, step]);
    const found = forbiddenChanges(before, await describeSchema(planted.options));
    assert.ok(
      found.some((text) => text.includes(what)),
      `${step} was not noticed: ${found.join()}`,
    );
  }
});
