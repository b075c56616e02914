import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { completedBy, StoreBench } from '../testing/store-bench.ts';
import { delivered, endedBy } from '../testing/webhook-bench.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { postgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

it('calls of one turn share their round trips: 1 to accept, 2 to claim, 1 to end, 1 to read, more with keys and webhooks', async (t) => {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  const { store, ready } = postgresStore(options);
  t.after(async () => {
    await store.close();
    await dropSchema(options);
  });
  const database = await ready();
  const bench = new StoreBench({ store, close: async () => {} });
  await bench.completed();

  async function trips<Outcome>(expected: number, run: () => Promise<Outcome>): Promise<Outcome> {
    const from = database.roundTrips;
    const outcome = await run();
    assert.equal(database.roundTrips - from, expected);
    return outcome;
  }
  for (const count of [1, 100]) {
    const each = Array.from({ length: count });
    const created = await trips(1, () => Promise.all(each.map(() => bench.create())));
    await trips(1, () => Promise.all(created.map(({ id }) => bench.record(id))));
    const claimed = await trips(2, () => bench.claim());
    assert.equal(claimed.length, count);
    await trips(1, () =>
      Promise.all(claimed.map(({ operation }) => bench.settle(completedBy(operation)))),
    );
  }
  await trips(2, async () => assert.deepEqual(await bench.claim(), [])); // nothing waits
  // Claimed at accept; and with an idempotency key, which has to be read first.
  const claim = { ...bench.atAccept(), spareSlots: 4 };
  const atOnce = await trips(1, () => bench.submit({}, { claim }));
  assert.ok(atOnce.outcome === 'created');
  await bench.complete(atOnce.operation);
  const idempotency = { scope: '', key: 'k', fingerprint: 'f', expiresAt: bench.now + 1_000 };
  await trips(3, () => bench.submit({ idempotency }));
  for (const { operation } of await bench.claim()) await bench.complete(operation);

  // With a webhook, the endpoint and its stored deliveries are read; then a claim, and its end.
  const { webhooks } = bench;
  await webhooks.endpoint();
  bench.outbox = webhooks.outbox();
  for (const count of [1, 4]) {
    for (let i = 0; i < count; i += 1) await bench.create();
    const running = await bench.claim();
    await trips(4, () =>
      Promise.all(running.map(({ operation }) => bench.settle(completedBy(operation)))),
    );
    const sending = await trips(6, () => webhooks.claim());
    assert.equal(sending.length, count);
    await trips(3, () =>
      Promise.all(sending.map(({ delivery }) => webhooks.settle(endedBy(delivery, delivered())))),
    );
  }
});
