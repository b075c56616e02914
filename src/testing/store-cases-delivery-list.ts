import assert from 'node:assert/strict';
import type { Delivery } from '../core/delivery.ts';
import { deliveryId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryFilter } from '../store/delivery-store.ts';
import { counterBytes } from './counter-bytes.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

/** Lists and counts of deliveries, and of their attempts. */
export const deliveryListCases: readonly StoreCase[] = [
  {
    title: 'deliveries are listed newest first, whole, and page by page without a gap or a repeat',
    async run(bench) {
      const { webhooks, store } = bench;
      const all = await mixed(bench);
      for (const limit of [1, 2, 3, all.length, 200]) {
        assert.deepStrictEqual(await webhooks.list({}, limit), all);
      }
      const page = await store.listDeliveries({ filter: {}, limit: all.length, beforeId: null });
      assert.deepStrictEqual(page, { deliveries: all, nextBeforeId: null });
      const beforeId = all[2]!.id;
      const rest = await store.listDeliveries({ filter: {}, limit: 200, beforeId });
      assert.deepStrictEqual(rest.deliveries, all.slice(3));
    },
  },
  {
    title:
      'every filter of deliveries, and any two together, selects what matches; so does the count',
    async run(bench) {
      const { webhooks, store } = bench;
      const all = await mixed(bench);
      const [newest, oldest] = [all[0]!, all.at(-1)!];
      const filters: DeliveryFilter[] = [
        { tenant: '' },
        { tenant: 'b' },
        { tenant: 'nobody' },
        { states: ['dead'] },
        { states: ['pending', 'held', 'expired'] },
        { states: ['sending'] },
        { states: [] },
        { endpointId: newest.endpointId },
        { endpointId: oldest.endpointId },
        { operationId: 'op_1' },
        { operationId: 'op_never' },
        { event: 'operation.completed' },
        { event: 'webhook.test' },
        { error: 'http_500' },
        { error: "odd ' % _" },
        { error: '' },
        { since: newest.createdAt },
        { since: oldest.createdAt + 1 },
        { until: newest.createdAt },
        { until: oldest.createdAt },
        { since: oldest.createdAt + 1, until: newest.createdAt },
        { since: newest.createdAt, until: oldest.createdAt },
      ];
      for (const a of filters) {
        for (const b of filters) {
          const filter = { ...a, ...b };
          const expected = all.filter((delivery) => matches(delivery, filter));
          const what = JSON.stringify(filter);
          assert.deepStrictEqual(await webhooks.list(filter, 3), expected, what);
          assert.equal(await store.countDeliveries({ filter }), expected.length, what);
        }
      }
      const undefinedMembers = { tenant: undefined, states: undefined, since: undefined };
      assert.deepStrictEqual(await webhooks.list(undefinedMembers), all);
    },
  },
  {
    title: 'deliveries whose ids were not made in order are listed in order',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const ids = [5, 1, 4, 2, 3].map((n) => deliveryId(bench.now, counterBytes(n)));
      for (const id of ids) await webhooks.create(to, { id });
      assert.deepStrictEqual(await webhooks.listIds(), ids.toSorted().toReversed());
      assert.deepStrictEqual(await webhooks.listIds({}, 2), ids.toSorted().toReversed());
      assert.deepStrictEqual(await webhooks.claimIds({ endpointInFlightMax: 5 }), ids.toSorted());
    },
  },
  {
    title: 'a count of deliveries, and of those of an endpoint, stops at its limit',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      const most = limits.deliveryCountMax;
      const some = await webhooks.createMany(to, 10);
      for (let made = some.length; made < most + 5; made += 2_001) {
        await webhooks.createMany(to, 2_001);
      }
      await webhooks.discard(...some);
      const count = (filter: DeliveryFilter) => store.countDeliveries({ filter });
      assert.equal(await count({}), most);
      assert.equal(await count({ states: ['pending'], endpointId: to.id }), most);
      assert.equal(await count({ states: ['cancelled'] }), some.length);
      assert.equal((await store.readEndpoint(to))?.waiting, most);
      await webhooks.change(to, { enabled: false });
      const { waiting, held } = (await store.readEndpoint(to))!;
      assert.deepStrictEqual([waiting, held], [0, most]);
      await webhooks.remove(to);
      assert.equal(await count({ states: ['cancelled'] }), most);
    },
  },
  {
    title: 'of many attempts the latest are told, oldest of them first',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const { id } = await webhooks.create(to, { failuresMax: 1_000 });
      const shown = limits.deliveryAttemptsShown;
      for (let i = 0; i < shown + 5; i += 1) {
        const [claimed] = await webhooks.claim();
        await webhooks.fail(claimed!.delivery, bench.now, { endpointFault: false });
      }
      assert.deepStrictEqual(
        (await webhooks.attempts(id)).map(({ number }) => number),
        Array.from({ length: shown }, (_, i) => i + 6),
      );
      assert.equal((await webhooks.record(id)).attempts, shown + 5);
      assert.deepStrictEqual(await webhooks.attempts('msg_never'), []);
    },
  },
];

/** Deliveries of two tenants in many states, newest first. */
async function mixed(bench: StoreBench): Promise<Delivery[]> {
  const { webhooks } = bench;
  const to = await webhooks.endpoint();
  const other = await webhooks.endpoint({ url: 'https://b.example/', tenant: 'b' });
  const off = await webhooks.change(await webhooks.endpoint(), { enabled: false });
  const made: Delivery[] = [];
  made.push(await webhooks.dead(to, { operationId: 'op_1', event: 'operation.completed' }));
  bench.now += 1;
  made.push(await webhooks.deliver(await webhooks.sending(other)));
  const failing = await webhooks.sending(other, { operationId: 'op_2' });
  const error = { error: "odd ' % _", endpointFault: false };
  made.push(await webhooks.fail(failing, bench.now + 500, error));
  made.push(await webhooks.create(to, { expiresAt: bench.now + 1 }));
  bench.now += 1;
  await webhooks.sweep();
  made.push(await webhooks.sending(to, { operationId: 'op_4', event: 'operation.started' }));
  bench.now += 1;
  made.push(await webhooks.create(off, { operationId: 'op_3', event: 'operation.failed' }));
  made.push(await webhooks.create(to));
  made.push(await webhooks.create(other, { operationId: 'op_2', event: 'operation.completed' }));
  made.push(await webhooks.create(other));
  await webhooks.discard(made.at(-1)!.id);
  const all: Delivery[] = [];
  for (const { id } of made.toReversed()) all.push(await webhooks.record(id));
  assert.equal(new Set(all.map(({ state }) => state)).size, 7, 'a delivery in each state');
  return all;
}

function matches(delivery: Delivery, filter: DeliveryFilter): boolean {
  return (
    (filter.tenant ?? delivery.tenant) === delivery.tenant &&
    (filter.states ?? [delivery.state]).includes(delivery.state) &&
    (filter.endpointId ?? delivery.endpointId) === delivery.endpointId &&
    (filter.operationId === undefined || filter.operationId === delivery.operationId) &&
    (filter.event ?? delivery.event) === delivery.event &&
    (filter.error === undefined || filter.error === delivery.lastError) &&
    (filter.since ?? 0) <= delivery.createdAt &&
    delivery.createdAt < (filter.until ?? Infinity)
  );
}
