import assert from 'node:assert/strict';
import { newDelivery } from '../store/new-delivery.ts';
import type { StoreCase } from './store-bench.ts';
import { requestedWebhook } from './webhook-bench.ts';

/** The endpoints that new deliveries go to: made by a request, registered, disabled or gone. */
export const outboxEndpointCases: readonly StoreCase[] = [
  {
    title:
      'the endpoint of a request is made with its first delivery, and found again by its address',
    async run(bench) {
      const { webhooks, store } = bench;
      const made = webhooks.requestEndpoint('https://r.example.com/cb?op=1');
      bench.webhook = requestedWebhook;
      bench.outbox = webhooks.outbox(made);
      const first = await bench.completed();
      assert.deepStrictEqual(await webhooks.kept(made), made);
      bench.now += 5;
      const again = webhooks.requestEndpoint('https://r.example.com/cb?op=2');
      const url = 'https://r.example.com/cb?op=2';
      bench.outbox = (operation) => [
        webhooks.planned(again, { operationId: operation.id, event: 'operation.completed', url }),
      ];
      const second = await bench.completed();
      assert.equal(await store.readEndpoint({ id: again.id }), null);
      const told = await store.readOperationDelivery({ operationId: second.id });
      assert.deepStrictEqual([told?.endpointId, told?.url], [made.id, url]);
      assert.equal(
        (await store.readOperationDelivery({ operationId: first.id }))?.endpointId,
        made.id,
      );
      const all = await store.listEndpoints({ tenant: '', limit: 10, beforeId: null });
      assert.deepStrictEqual(all.endpoints, [made]);
    },
  },
  {
    title: 'another tenant, path or origin is another endpoint, and so is a registered one',
    async run(bench) {
      const { webhooks } = bench;
      const url = 'https://r.example.com/cb';
      const registered = await webhooks.endpoint({ url });
      const made = [
        webhooks.requestEndpoint(url),
        webhooks.requestEndpoint(url, { tenant: 'b' }),
        webhooks.requestEndpoint(`${url}/2`),
        webhooks.requestEndpoint('http://r.example.com/cb'),
      ];
      await webhooks.add(...made.map((to) => webhooks.planned(to)));
      for (const endpoint of [registered, ...made]) {
        assert.deepStrictEqual(await webhooks.kept(endpoint), endpoint);
      }
      // Two in one call make one endpoint.
      const [one, two] = [1, 2].map(() => webhooks.requestEndpoint('https://twice.example.com/'));
      await webhooks.add(webhooks.planned(one!), webhooks.planned(two!));
      assert.equal((await webhooks.list({ endpointId: one!.id })).length, 2);
    },
  },
  {
    title:
      'a delivery to a registered endpoint that is missing is dropped, its neighbours are kept',
    async run(bench) {
      const { webhooks, store } = bench;
      const [gone, there] = [await webhooks.endpoint(), await webhooks.endpoint()];
      const plans = [gone, there].map((to) => webhooks.planned(to));
      await webhooks.remove(gone);
      bench.outbox = () => plans;
      await bench.completed();
      assert.deepStrictEqual(await webhooks.listIds(), [plans[1]!.id]);
      assert.equal(await store.readDelivery({ id: plans[0]!.id }), null);
    },
  },
  {
    title: 'a delivery that is dropped, or there already, makes no endpoint',
    async run(bench) {
      const { webhooks, store } = bench;
      const registered = await webhooks.endpoint();
      bench.outbox = webhooks.outbox();
      const { id: operationId } = await bench.completed();
      const there = await webhooks.create(registered);
      const made = ['https://late.example/', 'https://again.example/'].map((url) =>
        webhooks.requestEndpoint(url),
      );
      const late = { operationId, event: 'operation.progress' } as const;
      await webhooks.add(
        webhooks.planned(made[0]!, late),
        webhooks.planned(made[1]!, { id: there.id }),
      );
      for (const endpoint of made) assert.equal(await store.readEndpoint(endpoint), null);
      await webhooks.assertRecord(there);
    },
  },
  {
    title: 'deliveries to a disabled endpoint are held from the start',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.change(await webhooks.endpoint(), { enabled: false });
      const planned = webhooks.planned(to);
      bench.outbox = () => [planned];
      await bench.completed();
      const held = newDelivery(planned, to, bench.now);
      assert.equal(held.state, 'held');
      await webhooks.assertRecord(held);
      assert.equal(await webhooks.nextDueAt(), null);
    },
  },
];
