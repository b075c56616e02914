import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import type { StoreCase } from './store-bench.ts';
import { delivered, endedBy } from './webhook-bench.ts';

const nothing = { operations: 0, goneIds: 0, idempotencyKeys: 0, deliveries: 0, endpoints: 0 };

/** How long deliveries and the endpoints of requests are kept, and what survives a restart. */
export const deliveryKeepCases: readonly StoreCase[] = [
  {
    title: 'a delivery that is over is kept until its removeAt, then forgotten with its attempts',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      const done = await webhooks.deliver(
        await webhooks.sending(to, { operationId: 'op_1', event: 'operation.completed' }),
      );
      const dead = await webhooks.dead(to);
      bench.now = done.removeAt! - 1;
      assert.deepStrictEqual(await bench.prune(), nothing);
      await webhooks.assertRecord(done);
      bench.now += 1;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 1 });
      assert.equal(await store.readDelivery(done), null);
      assert.deepStrictEqual(await webhooks.attempts(done.id), []);
      assert.deepStrictEqual(await webhooks.list(), [dead]);
      assert.deepStrictEqual(await webhooks.redeliver([done.id]), [{ outcome: 'missing' }]);
      bench.now = dead.removeAt!;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 1 });
      assert.deepStrictEqual(await bench.prune(), nothing);
      assert.equal((await webhooks.kept(to)).kind, 'registered', 'and stays');
    },
  },
  {
    title: 'what waits, is held or in flight is never pruned, however old',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const off = await webhooks.change(await webhooks.endpoint(), { enabled: false });
      const kept = [
        await webhooks.sending(to),
        await webhooks.create(to),
        await webhooks.create(off),
      ];
      bench.now += 1e11;
      assert.deepStrictEqual(await bench.prune(), nothing);
      for (const record of kept) await webhooks.assertRecord(record);
    },
  },
  {
    title: 'the endpoint of a request goes with its last delivery, a registered one stays',
    async run(bench) {
      const { webhooks, store } = bench;
      const registered = await webhooks.endpoint();
      const made = webhooks.requestEndpoint('https://r.example/cb');
      const other = webhooks.requestEndpoint('https://o.example/cb');
      const first = await webhooks.deliver(await webhooks.sending(made));
      await webhooks.deliver(await webhooks.sending(registered));
      bench.now += 1000;
      await webhooks.deliver(await webhooks.sending(made));
      const waiting = await webhooks.create(other, { expiresAt: bench.now + 1e11 });
      bench.now = first.removeAt!;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 2 });
      assert.equal((await webhooks.kept(made)).health.lastSuccessAt, first.finishedAt! + 1000);
      bench.now += 1000;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 1, endpoints: 1 });
      assert.equal(await store.readEndpoint(made), null);
      await webhooks.kept(registered);
      await webhooks.kept(other);
      await webhooks.assertRecord(waiting);
      // The next delivery to the same address starts without the former history.
      const again = webhooks.requestEndpoint('https://r.example/cb');
      await webhooks.create(again);
      assert.deepStrictEqual(await webhooks.kept(again), again);
    },
  },
  {
    title: 'a prune takes at most its limit of deliveries, the next goes on',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      const ids = await webhooks.createMany(to, 3);
      for (let i = 0; i < 2; i += 1) {
        const made = webhooks.requestEndpoint(`https://r${i}.example/`);
        ids.push((await webhooks.create(made)).id);
      }
      await webhooks.discard(...ids);
      bench.now += limits.deliveryMs;
      const [first, second, third] = [
        await bench.prune(2),
        await bench.prune(2),
        await bench.prune(2),
      ];
      assert.deepStrictEqual(
        [first, second, third].map(({ deliveries }) => deliveries),
        [2, 2, 1],
      );
      assert.equal(first.endpoints + second.endpoints + third.endpoints, 2);
      assert.deepStrictEqual(await bench.prune(2), nothing);
      assert.deepStrictEqual(
        (await store.listEndpoints({ tenant: '', limit: 10, beforeId: null })).endpoints,
        [to],
      );
    },
  },
  {
    title: 'the deliveries of a removed endpoint are pruned like others',
    async run(bench) {
      const { webhooks } = bench;
      const to = webhooks.requestEndpoint('https://r.example/');
      await webhooks.create(to);
      await webhooks.remove(to);
      bench.now += limits.deliveryMs;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 1 });
      assert.deepStrictEqual(await webhooks.list(), []);
    },
  },
  {
    title:
      'a secret that came to an endpoint after it was removed goes with the last of its deliveries',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      await webhooks.create(to);
      await webhooks.remove(to);
      const { now } = bench;
      await store.rotateSecret({ owner: to.id, secret: 'whsec_MQ==', graceMs: 0, now });
      bench.now += limits.deliveryMs;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, deliveries: 1 });
      assert.deepStrictEqual(await store.readSecrets({ owner: to.id, now: bench.now }), []);
    },
  },
  {
    title: 'deliveries, attempts, endpoints and secrets survive a restart',
    durable: true,
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint({ headers: { 'x-a': 'é' }, tasks: ['a'] }, 'whsec_MQ==');
      const made = webhooks.requestEndpoint('https://r.example/cb');
      bench.outbox = webhooks.outbox(made);
      const { id: operationId } = await bench.completed();
      const [first, second] = await webhooks.claim();
      await webhooks.fail(first!.delivery, bench.now + 5_000, { retryAfterAt: bench.now + 9_000 });
      await webhooks.assertRecord(second!.delivery);
      await webhooks.create(to, { headers: { 'x-b': 'ü' }, secret: 'whsec_Mw==', body: '"ü"' });
      const { now } = bench;
      const seen = async () => ({
        deliveries: await webhooks.list(),
        stored: await Promise.all((await webhooks.listIds()).map((id) => webhooks.stored(id))),
        attempts: await Promise.all((await webhooks.listIds()).map((id) => webhooks.attempts(id))),
        endpoints: await bench.store.listEndpoints({ tenant: '', limit: 9, beforeId: null }),
        secrets: await bench.store.readSecrets({ owner: to.id, now }),
        told: await bench.store.readOperationDelivery({ operationId }),
      });
      await bench.store.rotateSecret({
        owner: tenantOwner(''),
        secret: 'whsec_Mg==',
        graceMs: 0,
        now,
      });
      const before = await seen();
      assert.ok(before.deliveries.length === 3 && before.told !== null);
      await bench.reopen!();
      assert.deepStrictEqual(await seen(), before);
    },
  },
  {
    title: 'an attempt in flight at a restart is swept, and its delivery sent again',
    durable: true,
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      await webhooks.createMany(to, 3);
      await bench.reopen!();
      const { changed } = await webhooks.sweep({ workerDead: true });
      assert.deepStrictEqual(
        changed.map(({ id }) => id),
        [sending.id],
      );
      assert.deepStrictEqual(await webhooks.settle(endedBy(sending, delivered())), ['lost']);
      assert.equal((await webhooks.claim()).length, 4);
      assert.deepStrictEqual(
        (await webhooks.attempts(sending.id)).map(({ outcome }) => outcome),
        ['unknown', 'sending'],
      );
    },
  },
];
