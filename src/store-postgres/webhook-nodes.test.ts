import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, describe, it, type TestContext } from 'node:test';
import { Client } from 'pg';
import { deliveryId } from '../core/id.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { StoreBench, completedBy } from '../testing/store-bench.ts';
import { delivered, endedBy, failed } from '../testing/webhook-bench.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

/** Webhooks with several processes on one schema. */
const server = await startPostgres();
after(() => server.stop());

/** The schema of each bench. */
const schemas = new WeakMap<StoreBench, string>();

async function openNodes(t: TestContext, nodes: number, notify = false): Promise<StoreBench[]> {
  const options = { url: server.url, schema: newSchema(), clock: 'caller', notify } as const;
  const stores = await Promise.all(Array.from({ length: nodes }, () => openPostgresStore(options)));
  t.after(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await dropSchema(options);
  });
  return stores.map((store, i) => {
    const bench = new StoreBench({ store, close: async () => {} });
    // Each bench has its own counter for tokens, which must not produce the same ones.
    let tokens = 0;
    bench.newToken = () => `node-${i}-${(tokens += 1)}`;
    schemas.set(bench, options.schema);
    return bench;
  });
}

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const target = {
  url: 'https://r.example/cb',
  events: ['operation.completed', 'operation.failed'],
  headers: {},
  secret: null,
} as const;

const addresses = Array.from({ length: 5 }, (_, i) => `https://r.example/${i}`);

async function requestAddresses({ store }: StoreBench): Promise<string[]> {
  const p = { tenant: '', kind: 'request', limit: 50, beforeId: null } as const;
  return (await store.listEndpoints(p)).endpoints.map(({ url }) => url).sort();
}

/**
 * Ends operations on all nodes at once, with deliveries to the registered endpoints and to `told`
 * addresses of their own; returns their ids.
 */
async function endMany(
  benches: StoreBench[],
  told: (url: string) => readonly string[],
): Promise<string[]> {
  const [first] = benches as [StoreBench];
  const { webhooks, store, now } = first;
  const outbox: Outbox = (operation, registered) => {
    const urls = told(operation.webhook?.url ?? '');
    const all = [...registered, ...urls.map((url) => webhooks.requestEndpoint(url))];
    return all.map((to) =>
      webhooks.planned(to, {
        id: deliveryId(operation.createdAt, randomBytes(10)),
        operationId: operation.id,
        event: 'operation.completed',
      }),
    );
  };
  const operations = Array.from({ length: 300 }, (_, i) =>
    first.planned({ webhook: { ...target, url: addresses[i % addresses.length]! } }),
  );
  await store.createOperations({ operations, pendingMax: 1000, now });
  await Promise.all(
    benches.map(async (bench) => {
      for (;;) {
        const claimed = await bench.claim({ limit: 4 });
        if (claimed.length === 0) return;
        // Separate calls, so that more than one transaction is under way at once.
        await Promise.all(
          claimed.map(({ operation }) =>
            bench.store.settleAttempts({ settlements: [completedBy(operation)], outbox, now }),
          ),
        );
      }
    }),
  );
  return operations.map(({ id }) => id);
}

describe('webhooks over several nodes', { timeout: 90_000 }, () => {
  it('keep to the limits of endpoints and origins, and end every delivery once', async (t) => {
    const seed = Number(process.env['RAINCHECK_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`seed ${seed}`);
    const benches = await openNodes(t, 3);
    const [first] = benches as [StoreBench];
    const { webhooks } = first;
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      const to = await webhooks.endpoint({ url: `https://o${i % 3}.example/${i}` });
      ids.push(...(await webhooks.createMany(to, 40)));
    }
    const most = { endpointInFlightMax: 3, originInFlightMax: 5 };
    const inFlight = new Map<string, number>();
    const peaks = new Map<string, number>();
    const count = (name: string, by: number): void => {
      inFlight.set(name, (inFlight.get(name) ?? 0) + by);
      peaks.set(name, Math.max(peaks.get(name) ?? 0, inFlight.get(name) ?? 0));
    };
    const over = { left: ids.length };
    const send = async (bench: StoreBench, random: () => number): Promise<void> => {
      let held: Awaited<ReturnType<typeof bench.webhooks.claim>> = [];
      while (over.left > 0) {
        const limit = 1 + Math.floor(random() * 8);
        const claimed = await bench.webhooks.claim({ limit, ...most });
        for (const { endpoint, delivery } of claimed) {
          count(endpoint.id, 1);
          count(endpoint.origin, 1);
          count(delivery.id, 1);
        }
        held = [...held, ...claimed];
        const ends = held.filter(() => claimed.length === 0 || random() < 0.4);
        held = held.filter((one) => !ends.includes(one));
        await Promise.all(
          ends.map(async ({ endpoint, delivery }) => {
            count(endpoint.id, -1);
            count(endpoint.origin, -1);
            count(delivery.id, -1);
            const isOver = random() < 0.7;
            const result = isOver ? delivered() : failed({ endpointFault: false });
            const settlement = endedBy(delivery, result, bench.now);
            assert.deepEqual(await bench.webhooks.settle(settlement), ['applied']);
            if (isOver || delivery.failures + 1 === delivery.failuresMax) over.left -= 1;
          }),
        );
      }
    };
    await Promise.all(benches.map((bench, i) => send(bench, randomFrom(seed + i))));
    for (const [name, peak] of peaks) {
      const limit = name.startsWith('ep_') ? 3 : name.startsWith('msg_') ? 1 : 5;
      assert.ok(peak <= limit, `${name}: ${peak} at once`);
    }
    assert.equal(peaks.get('https://o0.example'), 5, 'the limit was reached');
    const states = new Set(await webhooks.states(...ids));
    assert.deepEqual(
      [...states].sort(),
      states.has('dead') ? ['dead', 'delivered'] : ['delivered'],
    );
    await webhooks.assertSound();
  });

  it('tell every end once to each, and make one endpoint of one address, however many end at once', async (t) => {
    const benches = await openNodes(t, 3);
    const [first] = benches as [StoreBench];
    const registered = [];
    for (let i = 0; i < 3; i += 1) {
      registered.push(await first.webhooks.endpoint({ url: `https://e${i}.example/` }));
    }
    const ids = await endMany(benches, (url) => [url]);
    const all = await first.webhooks.list();
    assert.equal(all.length, ids.length * (registered.length + 1));
    for (const id of ids) {
      const to = all.filter(({ operationId }) => operationId === id).map((one) => one.endpointId);
      assert.equal(new Set(to).size, registered.length + 1, 'each endpoint once');
    }
    assert.deepEqual(await requestAddresses(first), addresses);
  });

  it('get on when an outbox names endpoints that nobody could foresee, in any order', async (t) => {
    const benches = await openNodes(t, 3);
    // Each transaction that has locked one endpoint wants the next one, round in a circle.
    const next = (url: string): string =>
      addresses[(addresses.indexOf(url) + 2) % addresses.length]!;
    const ids = await endMany(benches, (url) => [url, next(url)]);
    const [first] = benches as [StoreBench];
    assert.equal((await first.webhooks.list()).length, ids.length * 2);
    assert.deepEqual(await requestAddresses(first), addresses);
  });

  it('fence off a sender whose lease another node swept', async (t) => {
    const [paused, other] = (await openNodes(t, 2)) as [StoreBench, StoreBench];
    const to = await paused.webhooks.endpoint();
    const sending = await paused.webhooks.sending(to);
    other.now += other.webhooks.leaseMs;
    assert.equal((await other.webhooks.sweep()).changed.length, 1);
    const [again] = await other.webhooks.claim();
    assert.equal(again!.delivery.id, sending.id);
    assert.deepEqual(await paused.webhooks.settle(endedBy(sending, delivered())), ['lost']);
    await other.webhooks.assertRecord(again!.delivery);
    assert.deepEqual(await other.webhooks.kept(to), to);
  });

  it('share a sweep, and a prune, without meeting', async (t) => {
    const benches = await openNodes(t, 3);
    const [{ webhooks, now }] = benches as [StoreBench];
    const ids: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      const to = webhooks.requestEndpoint(`https://r${i}.example/`);
      ids.push(...(await webhooks.createMany(to, 6, { expiresAt: now + 10 })));
    }
    for (const bench of benches) bench.now += 10;
    const swept: string[] = [];
    while (swept.length < ids.length) {
      const outcomes = await Promise.all(
        benches.map((bench) => bench.webhooks.sweep({ limit: 7 })),
      );
      swept.push(...outcomes.flatMap(({ changed }) => changed.map(({ id }) => id)));
    }
    assert.deepEqual(swept.toSorted(), ids.toSorted());
    for (const bench of benches) bench.now += 1e10;
    let [pruned, endpoints] = [0, 0];
    while (pruned < ids.length) {
      for (const one of await Promise.all(benches.map((bench) => bench.prune(9)))) {
        pruned += one.deliveries;
        endpoints += one.endpoints;
      }
    }
    assert.deepEqual([pruned, endpoints], [ids.length, 10]);
  });

  it('take over an endpoint whose place only time made wrong, whoever looks first', async (t) => {
    const [one, other] = (await openNodes(t, 2)) as [StoreBench, StoreBench];
    const to = await one.webhooks.endpoint();
    const sending = await one.webhooks.sending(to);
    const gateAt = one.now + 30_000;
    await one.webhooks.fail(sending, one.now + 5_000, { retryAfterAt: gateAt });
    other.now = gateAt - 1;
    assert.equal(await other.webhooks.nextDueAt(), gateAt);
    other.now = gateAt;
    assert.deepEqual(await other.webhooks.claimIds(), [sending.id]);
  });

  it('claim what an outbox wrote, asked for while its commit is under way', async (t) => {
    const [bench, other] = (await openNodes(t, 2)) as [StoreBench, StoreBench];
    await bench.webhooks.endpoint();
    const running = await bench.running();
    const write = bench.webhooks.outbox();
    const asked = new Promise<Promise<string[]>[]>((resolve) => {
      bench.outbox = (operation, registered) => {
        // As the sender does, which the outbox wakes.
        resolve([bench.webhooks.claimIds()]);
        return write(operation, registered);
      };
    });
    // The commit waits for the counters of the task.
    const holder = new Client({ connectionString: server.url });
    await holder.connect();
    await holder.query(`BEGIN; SELECT FROM "${schemas.get(bench)}".tasks FOR UPDATE`);
    const completing = bench.complete(running);
    const [claimed] = await asked;
    for (let i = 0; i < 3; i += 1) assert.deepEqual(await other.webhooks.claimIds(), []);
    await holder.query('COMMIT');
    await holder.end();
    await completing;
    assert.deepEqual(await claimed, await bench.webhooks.listIds());
  });

  const pooled = process.env['RAINCHECK_TEST_POOLER'] === 'transaction';
  const skip = pooled && 'LISTEN needs a session of its own, which this pooler does not give';
  it('hear of what a final state on another node brought', { skip }, async (t) => {
    const [speaker, listener] = (await openNodes(t, 2, true)) as [StoreBench, StoreBench];
    await speaker.webhooks.endpoint();
    speaker.outbox = speaker.webhooks.outbox();
    let hears = (): void => undefined;
    const ready = (): Promise<void> => new Promise((resolve) => (hears = resolve));
    const listens = ready();
    const stop = listener.store.hints!.listen(({ type }) => {
      if (type === 'ready') hears();
    });
    await listens;
    const created = ready();
    const operation = await speaker.running();
    await created;
    const told = ready();
    await speaker.complete(operation);
    await told;
    assert.equal((await listener.webhooks.claim()).length, 1);
    stop();
  });

  it('never met in a deadlock, all of them together', async (t) => {
    if (server.control === null) {
      t.skip('the server may be used by others');
      return;
    }
    const [row] = await runSql(
      server.url,
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    assert.equal(row!['deadlocks'], '0');
  });
});
