import assert from 'node:assert/strict';
import { after, it, type TestContext } from 'node:test';
import type { Operation } from '../core/operation.ts';
import { completedBy, failedBy, StoreBench } from '../testing/store-bench.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { postgresStore } from './postgres-store.ts';

/**
 * One node predicts, another one does what the first could not know: the rows decide, whatever was
 * predicted. Round trips show whether a prediction was made (1), and whether it failed (1 and 2
 * more).
 */
const server = await startPostgres();
after(() => server.stop());

type Pair = {
  readonly bench: StoreBench;
  readonly other: StoreBench;
  /** Round trips of `bench` during `run`. */
  readonly trips: (run: () => Promise<unknown>) => Promise<number>;
};

/** Two nodes. `bench` has just claimed at accept and recorded an end, so that it can predict. */
async function pair(t: TestContext): Promise<Pair> {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify: false } as const;
  const opened = [postgresStore(options), postgresStore(options)] as const;
  t.after(async () => {
    await Promise.all(opened.map(({ store }) => store.close()));
    await dropSchema(options);
  });
  const [bench, other] = opened.map(
    ({ store }) => new StoreBench({ store, close: async () => {} }),
  ) as [StoreBench, StoreBench];
  const database = await opened[0].ready();
  // Both benches count ids alike.
  other.now += 1;
  await bench.completed();
  const trips = async (run: () => Promise<unknown>): Promise<number> => {
    const from = database.roundTrips;
    await run();
    return database.roundTrips - from;
  };
  return { bench, other, trips };
}

async function running(bench: StoreBench, spareSlots = 20): Promise<Operation> {
  const outcome = await bench.submit({}, { claim: bench.atAccept({ spareSlots }) });
  assert.ok(outcome.outcome === 'created');
  return outcome.operation;
}

it('a wish to cancel of which the node that runs it has not heard is kept', async (t) => {
  const { bench, other, trips } = await pair(t);
  const [first, second] = [await running(bench), await running(bench)];
  for (const { id } of [first, second]) {
    assert.equal((await other.cancel(id)).outcome, 'requested');
  }
  assert.equal(await trips(() => bench.complete(first)), 3 + 1, 'and one to read it');
  const [completed, failed] = [await bench.record(first.id), second];
  assert.deepEqual([completed.state, completed.version], ['completed', first.version + 2]);
  assert.equal(completed.cancelRequestedAt, other.now);
  const { state, error } = await bench.fail(failed, bench.now + 1_000);
  assert.deepEqual([state, error?.code], ['failed', 'cancelled']);
});

it('an attempt whose lease another node took changes nothing', async (t) => {
  const { bench, other } = await pair(t);
  const operation = await running(bench);
  other.now += other.leaseMs;
  const [recovered] = (await other.sweep()).changed;
  assert.equal(recovered?.id, operation.id);
  assert.deepEqual(await bench.settle(completedBy(operation)), ['lost']);
  await other.assertRecord(recovered);
  const mixed = await running(bench);
  const outcomes = await bench.settle(completedBy(mixed), failedBy(operation));
  assert.deepEqual(outcomes, ['applied', 'lost']);
});

it('a task that another node has paused is not claimed at accept', async (t) => {
  const { bench, other, trips } = await pair(t);
  await other.store.setTaskPaused({ task: 'reports', paused: true });
  const made: Operation[] = [];
  assert.equal(await trips(async () => made.push(await running(bench))), 3);
  assert.equal(made[0]?.state, 'ready');
});

it('what waits since another node accepted it is passed over by nobody', async (t) => {
  const { bench, other, trips } = await pair(t);
  for (let i = 0; i < 30; i += 1) await other.create();
  const made: Operation[] = [];
  assert.equal(await trips(async () => made.push(await running(bench, 20))), 3);
  assert.equal(made[0]?.state, 'ready');
  await other.claim();
  assert.equal((await running(bench, 20)).state, 'running');
});

it('a cap on the queue holds for what another node has accepted', async (t) => {
  const { bench, other } = await pair(t);
  for (let i = 0; i < 3; i += 1) await other.create();
  const full = { outcome: 'queue_full', pending: 3, pendingMax: 3 };
  assert.deepEqual(await bench.submit({}, { pendingMax: 3 }), full);
  assert.deepEqual(await bench.submit({ taskPendingMax: 3 }), full);
});

it('an endpoint that another node has registered is told', async (t) => {
  const { bench, other, trips } = await pair(t);
  bench.outbox = bench.webhooks.outbox();
  const warm = await running(bench);
  await bench.complete(warm);
  const [told, untold] = [await running(bench), await running(bench)];
  assert.equal(await trips(() => bench.settle(completedBy(untold))), 1, 'nobody is registered');
  const endpoint = await other.webhooks.endpoint();
  await bench.complete(told);
  const { deliveries } = await bench.store.listDeliveries({
    filter: {},
    limit: 10,
    beforeId: null,
  });
  assert.deepEqual(
    deliveries.map(({ operationId, endpointId }) => [operationId, endpointId]),
    [[told.id, endpoint.id]],
  );
});
