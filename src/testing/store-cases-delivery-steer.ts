import assert from 'node:assert/strict';
import type { Delivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

/** Requests of people to send again or to discard. */
export const deliverySteerCases: readonly StoreCase[] = [
  {
    title: 'whatever is not in flight is sent again at a wish, with its failures forgotten',
    async run(bench) {
      const { webhooks } = bench;
      const all = await oneOfEach(bench);
      const { sending, held, ...free } = all;
      bench.now += 7;
      for (const before of Object.values(free)) {
        await assertRedelivered(bench, before, 'manual');
      }
      await webhooks.assertRecord(sending);
      await webhooks.assertRecord(held);
      const claimed = await webhooks.claim();
      assert.deepStrictEqual(
        claimed.slice(0, 3).map(({ delivery }) => delivery.trigger),
        ['manual', 'manual', 'manual'],
      );
    },
  },
  {
    title: 'a redrive sends again what is dead or expired by then, and leaves alone all else',
    async run(bench) {
      const { webhooks } = bench;
      const { dead, expired, ...others } = await oneOfEach(bench);
      bench.now += 7;
      for (const before of [dead, expired]) await assertRedelivered(bench, before, 'redrive');
      for (const before of [...Object.values(others), await webhooks.record(dead.id)]) {
        assert.deepStrictEqual(await webhooks.redeliver([before.id], 'redrive'), [
          { outcome: 'unchanged', delivery: before },
        ]);
        await webhooks.assertRecord(before);
      }
    },
  },
  {
    title: 'a wish to send again waits for the attempt in flight: two never overlap',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const unchanged = { outcome: 'unchanged', delivery: sending } as const;
      assert.deepStrictEqual(await webhooks.redeliver([sending.id]), [unchanged]);
      assert.deepStrictEqual(await webhooks.discard(sending.id), [unchanged]);
      await webhooks.assertRecord(sending);
      assert.deepStrictEqual(await webhooks.claimIds(), []);
      // The request is not remembered either.
      await webhooks.deliver(sending);
      assert.deepStrictEqual(await webhooks.claimIds(), []);
    },
  },
  {
    title: 'the wish takes the place of the attempt that was planned',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const nextAt = bench.now + 60_000;
      await webhooks.fail(sending, nextAt);
      await webhooks.redeliver([sending.id]);
      const [again] = await webhooks.claim();
      await webhooks.deliver(again!.delivery);
      bench.now = nextAt;
      assert.deepStrictEqual(await webhooks.claimIds(), []);
      assert.equal((await webhooks.attempts(sending.id)).length, 2);
    },
  },
  {
    title: 'a wish to send to a disabled endpoint waits there with the rest',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const dead = await webhooks.dead(to);
      await webhooks.change(to, { enabled: false });
      bench.now += 7;
      const outcomes = await webhooks.redeliver([dead.id]);
      const after = await webhooks.assertDecided(dead, { type: 'redelivered', trigger: 'manual' });
      assert.deepStrictEqual(outcomes, [{ outcome: 'applied', delivery: after }]);
      assert.deepStrictEqual([after.state, after.version], ['held', dead.version + 1]);
      await webhooks.change(to, { enabled: true });
      const [claimed] = await webhooks.claim();
      assert.deepStrictEqual(
        [claimed?.delivery.id, claimed?.delivery.trigger],
        [dead.id, 'manual'],
      );
    },
  },
  {
    title: 'nothing can be sent again to an endpoint that was removed',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const dead = await webhooks.dead(to);
      await webhooks.remove(to);
      assert.deepStrictEqual(await webhooks.redeliver([dead.id]), [
        { outcome: 'unchanged', delivery: dead },
      ]);
      await webhooks.assertRecord(dead);
      const [discarded] = await webhooks.discard(dead.id);
      assert.equal(discarded?.outcome, 'applied');
    },
  },
  {
    title: 'a gate and the limits in flight hold for what is sent again, too',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const gateAt = bench.now + 30_000;
      const sending = await webhooks.sending(to);
      await webhooks.fail(sending, bench.now + 1, { retryAfterAt: gateAt });
      await webhooks.redeliver([sending.id]);
      assert.equal(await webhooks.nextDueAt(), gateAt);
    },
  },
  {
    title: 'what was sent again at a wish is not pruned, nor does it expire, by its old times',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const dead = await webhooks.dead(to, { expiresAt: bench.now + 10 });
      bench.now = dead.removeAt!;
      const [again] = await webhooks.redeliver([dead.id]);
      assert.equal(again?.outcome, 'applied');
      assert.equal((await bench.prune()).deliveries, 0);
      assert.deepStrictEqual((await webhooks.sweep()).changed, []);
      assert.deepStrictEqual(await webhooks.claimIds(), [dead.id]);
    },
  },
  {
    title: 'a wish never shortens the time a delivery has',
    async run(bench) {
      const { webhooks } = bench;
      const expiresAt = bench.now + 2 * limits.deliveryTtlMs;
      const { id } = await webhooks.create(await webhooks.endpoint(), { expiresAt });
      await webhooks.redeliver([id]);
      assert.equal((await webhooks.record(id)).expiresAt, expiresAt);
    },
  },
  {
    title: 'what waits, is held or dead can be discarded, nothing else',
    async run(bench) {
      const { webhooks } = bench;
      const all = await oneOfEach(bench);
      bench.now += 7;
      for (const before of [all.pending, all.held, all.dead]) {
        const outcomes = await webhooks.discard(before.id);
        const after = await webhooks.assertDecided(before, { type: 'discarded' });
        assert.deepStrictEqual(outcomes, [{ outcome: 'applied', delivery: after }]);
        assert.deepStrictEqual(
          [after.state, after.finishedAt, after.removeAt],
          ['cancelled', bench.now, bench.now + limits.deliveryMs],
        );
      }
      for (const before of [all.sending, all.delivered, all.cancelled, all.expired]) {
        assert.deepStrictEqual(await webhooks.discard(before.id), [
          { outcome: 'unchanged', delivery: before },
        ]);
        await webhooks.assertRecord(before);
      }
    },
  },
  {
    title: 'in bulk only dead letters are discarded: what was sent again meanwhile goes on',
    async run(bench) {
      const { webhooks } = bench;
      const all = await oneOfEach(bench);
      const { dead, ...others } = all;
      bench.now += 7;
      for (const before of Object.values(others)) {
        assert.deepStrictEqual(await webhooks.discardInBulk(before.id), [
          { outcome: 'unchanged', delivery: before },
        ]);
        await webhooks.assertRecord(before);
      }
      const outcomes = await webhooks.discardInBulk(dead.id);
      const after = await webhooks.assertDecided(dead, { type: 'discarded', inBulk: true });
      assert.deepStrictEqual(outcomes, [{ outcome: 'applied', delivery: after }]);
      assert.equal(after.state, 'cancelled');
    },
  },
  {
    title: 'wishes are answered delivery by delivery, in order, what is missing too',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const [a, b] = await webhooks.createMany(to, 2);
      const outcomes = await webhooks.discard(b!, 'msg_never', a!, b!, '');
      assert.deepStrictEqual(
        outcomes.map((one) => [one.outcome, 'delivery' in one ? one.delivery.id : null]),
        [
          ['applied', b],
          ['missing', null],
          ['applied', a],
          ['unchanged', b],
          ['missing', null],
        ],
      );
      const again = await webhooks.redeliver([b!, 'msg_never', b!]);
      assert.deepStrictEqual(
        again.map((one) => ('delivery' in one ? one.delivery.version : null)),
        [3, null, 4],
      );
    },
  },
  {
    title: 'what does not exist is missing to every verb of webhooks',
    async run(bench) {
      const { store, webhooks, now } = bench;
      for (const id of ['', 'msg_', 'ep_', "' OR 1=1 --"]) {
        assert.equal(await store.readDelivery({ id }), null);
        assert.equal(await store.readOperationDelivery({ operationId: id }), null);
        assert.deepStrictEqual(await store.listDeliveryAttempts({ id }), []);
        assert.equal(await store.readEndpoint({ id }), null);
        const change = { enabled: false };
        assert.equal(await store.updateEndpoint({ id, tenant: '', change, now }), null);
        assert.equal(await store.removeEndpoint({ id, tenant: '', now }), 'missing');
        assert.deepStrictEqual(await store.readSecrets({ owner: id, now }), []);
        assert.deepStrictEqual(await webhooks.redeliver([id]), [{ outcome: 'missing' }]);
        assert.deepStrictEqual(await webhooks.list({ endpointId: id }), []);
        assert.equal(await store.countDeliveries({ filter: { operationId: id } }), 0);
      }
      const nothing = { endpoints: [], nextBeforeId: null };
      assert.deepStrictEqual(
        await store.listEndpoints({ tenant: '', limit: 5, beforeId: null }),
        nothing,
      );
      for (const empty of [
        await webhooks.settle(),
        await webhooks.redeliver([]),
        await webhooks.discard(),
      ]) {
        assert.deepStrictEqual(empty, []);
      }
      await webhooks.add();
    },
  },
];

async function assertRedelivered(
  bench: StoreBench,
  before: Delivery,
  trigger: 'manual' | 'redrive',
): Promise<void> {
  const { webhooks, now } = bench;
  const outcomes = await webhooks.redeliver([before.id], trigger);
  const after = await webhooks.assertDecided(before, { type: 'redelivered', trigger });
  assert.deepStrictEqual(outcomes, [{ outcome: 'applied', delivery: after }]);
  assert.deepStrictEqual(
    [after.state, after.failures, after.trigger, after.nextAt, after.removeAt],
    ['pending', 0, trigger, now, null],
  );
  assert.equal(after.expiresAt, now + limits.deliveryTtlMs);
}

/** A delivery in each state; only `held` belongs to another endpoint. */
async function oneOfEach(bench: StoreBench): Promise<Record<Delivery['state'], Delivery>> {
  const { webhooks } = bench;
  const to = await webhooks.endpoint();
  const delivered = await webhooks.deliver(await webhooks.sending(to));
  const dead = await webhooks.dead(to);
  const { id: cancelled } = await webhooks.create(to);
  await webhooks.discard(cancelled);
  const { id: expired } = await webhooks.create(to, { expiresAt: bench.now + 1 });
  bench.now += 1;
  await webhooks.sweep();
  const off = await webhooks.change(await webhooks.endpoint(), { enabled: false });
  const held = await webhooks.create(off);
  const sending = await webhooks.sending(to);
  return {
    pending: await webhooks.create(to),
    sending,
    delivered,
    held,
    dead,
    cancelled: await webhooks.record(cancelled),
    expired: await webhooks.record(expired),
  };
}
