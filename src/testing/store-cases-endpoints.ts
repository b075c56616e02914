import assert from 'node:assert/strict';
import type { Endpoint } from '../core/endpoint.ts';
import { enabledAgain, newHealth } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { changedEndpoint } from '../store/changed-endpoint.ts';
import type { EndpointChange } from '../store/delivery-store.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

/** Endpoints: made, changed, disabled and enabled, listed, removed. */
export const endpointCases: readonly StoreCase[] = [
  {
    title: 'an endpoint reads back whole',
    async run(bench) {
      const { webhooks, store } = bench;
      const plain = await webhooks.endpoint();
      const full = await webhooks.endpoint({
        tenant: 'ä',
        url: 'https://h.example.com:8443/a%20b?c=d&é=1',
        events: ['operation.started', 'operation.progress', 'operation.completed'],
        tasks: ['reports', "odd ' task"],
        headers: { 'x-key': 'é "quoted"', authorization: 'Bearer 1' },
        description: 'Für den Shop\n🧾',
        handshake: { state: 'given', askedAt: bench.now - 9, detail: 'ü"', perMinute: 120 },
        disabled: { reason: 'manual', at: bench.now - 5 },
        health: {
          ...newHealth,
          circuit: 'open',
          failures: 7,
          firstFailedDelivery: 'msg_1',
          severalFailed: true,
          probes: 3,
          gateAt: bench.now + 5,
          gateReason: 'circuit_open',
          inFlightMax: 1,
          failingSince: bench.now - 50,
          lastSuccessAt: bench.now - 60,
          lastFailureAt: bench.now,
        },
        version: 3,
      });
      const bare = await webhooks.endpoint({ events: [], tasks: [], description: '' });
      for (const endpoint of [plain, full, bare]) {
        const counts = { waiting: 0, held: 0, dead: 0 };
        assert.deepStrictEqual(await store.readEndpoint(endpoint), { endpoint, ...counts });
      }
    },
  },
  {
    title:
      "a tenant's registered endpoints are full at their limit; those of requests do not count",
    async run(bench) {
      const { webhooks, store } = bench;
      const made: Endpoint[] = [];
      for (let i = 0; i < limits.endpointsMax; i += 1) made.push(await webhooks.endpoint());
      const one = webhooks.plannedEndpoint();
      const create = (endpoint: Endpoint) =>
        store.createEndpoint({ endpoint, secret: 'whsec_MQ==', now: bench.now });
      assert.equal(await create(one), 'full');
      assert.equal(await store.readEndpoint(one), null);
      assert.deepStrictEqual(await store.readSecrets({ owner: one.id, now: bench.now }), []);
      assert.equal(await create({ ...webhooks.plannedEndpoint(), tenant: 'b' }), 'created');
      await webhooks.create(webhooks.requestEndpoint('https://r.example/'));
      await webhooks.remove(made[7]!);
      assert.equal(await create(one), 'created');
      assert.equal(await create(webhooks.plannedEndpoint()), 'full');
    },
  },
  {
    title: 'a change changes what it names and nothing else, and counts once',
    async run(bench) {
      const { webhooks } = bench;
      let endpoint = await webhooks.endpoint({ tasks: ['reports'], description: 'x' });
      const changes: EndpointChange[] = [
        { url: { url: 'https://new.example/h', origin: 'https://new.example' } },
        { events: ['operation.failed'] },
        { tasks: null },
        { tasks: [] },
        { headers: { 'x-a': 'ü' } },
        { description: null },
        { events: ['operation.started'], tasks: ['b', 'a'], headers: {}, description: 'y' },
        { description: 'z', enabled: false },
        { description: undefined, enabled: true, headers: { b: '2' } },
      ];
      for (const change of changes) {
        bench.now += 1;
        const expected = changedEndpoint(endpoint, change, bench.now);
        assert.equal(expected.version, endpoint.version + 1);
        assert.deepStrictEqual(await webhooks.change(endpoint, change), expected);
        assert.deepStrictEqual(await webhooks.kept(endpoint), expected);
        endpoint = expected;
      }
      for (const nothing of [{}, { url: undefined, enabled: true }]) {
        assert.deepStrictEqual(await webhooks.change(endpoint, nothing), endpoint);
      }
    },
  },
  {
    title: 'disabling holds what is pending, enabling releases what is held, nothing else moves',
    async run(bench) {
      const { webhooks } = bench;
      const [to, other] = [await webhooks.endpoint(), await webhooks.endpoint()];
      const kept = [
        await webhooks.dead(to),
        await webhooks.deliver(await webhooks.sending(to)),
        await webhooks.sending(to),
        await webhooks.create(other),
      ];
      await webhooks.discard(kept[3]!.id);
      kept[3] = await webhooks.record(kept[3]!.id);
      const later = await webhooks.sending(to);
      const pending = [
        await webhooks.fail(later, bench.now + 60_000, { endpointFault: false }),
        ...(await Promise.all([webhooks.create(to), webhooks.create(to)])),
      ];
      const unharmed = await webhooks.create(other);
      bench.now += 5;
      const off = await webhooks.change(to, { enabled: false });
      assert.deepStrictEqual(off.disabled, { reason: 'manual', at: bench.now });
      const held = [];
      for (const before of pending) {
        held.push(await webhooks.assertDecided(before, { type: 'held' }));
      }
      bench.now += 5;
      assert.deepStrictEqual(await webhooks.change(to, { enabled: false }), off);
      const on = await webhooks.change(to, { enabled: true });
      assert.deepStrictEqual(on, enabledAgain(off));
      for (const before of held) {
        const after = await webhooks.assertDecided(before, { type: 'released' });
        assert.deepStrictEqual([after.state, after.nextAt], ['pending', bench.now]);
      }
      for (const record of [...kept, unharmed]) await webhooks.assertRecord(record);
    },
  },
  {
    title: 'enabling forgets what was before, and starts with a single attempt',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.createMany(to, 5);
      const sending = (await webhooks.claim())[0]!.delivery;
      const gateAt = bench.now + 500_000;
      await webhooks.fail(sending, bench.now, { disable: 'gone', retryAfterAt: gateAt });
      await webhooks.sweep({ workerDead: true });
      await webhooks.change(to, { enabled: true });
      assert.equal((await webhooks.kept(to)).health.gateAt, null);
      assert.equal((await webhooks.claim()).length, 1);
    },
  },
  {
    title: 'what waits for a registered endpoint that moved goes to its new address, and says so',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      const waiting = await webhooks.create(to);
      const url = 'https://moved.example.com/in?k=1';
      await webhooks.change(to, { url: { url, origin: 'https://moved.example.com' } });
      const [claimed] = await webhooks.claim();
      assert.deepStrictEqual([claimed?.delivery.id, claimed?.delivery.url], [waiting.id, url]);
      assert.equal(claimed?.endpoint.url, url);
      assert.equal((await store.readDelivery(waiting))?.delivery.url, url);
      const named = 'https://r.example.com/cb?x=1';
      await webhooks.create(webhooks.requestEndpoint(named), { url: named });
      const [other] = await webhooks.claim();
      assert.equal(other?.delivery.url, named, 'a request keeps its query');
    },
  },
  {
    title: 'an endpoint of a request can be enabled again',
    async run(bench) {
      const { webhooks } = bench;
      const to = webhooks.requestEndpoint('https://r.example.com/cb?x=1');
      const sending = await webhooks.sending(to);
      await webhooks.fail(sending, bench.now, { disable: 'gone' });
      assert.deepStrictEqual(await webhooks.states(sending.id), ['held']);
      await webhooks.change(to, { enabled: true });
      assert.deepStrictEqual(await webhooks.claimIds(), [sending.id]);
      const again = webhooks.requestEndpoint('https://r.example.com/cb?x=2');
      assert.equal((await webhooks.create(again)).endpointId, to.id, 'and is still the one');
    },
  },
  {
    title: 'a tenant cannot change, remove or list what is of another',
    async run(bench) {
      const { webhooks, store, now } = bench;
      const own = await webhooks.endpoint({ tenant: 'a' });
      const { id } = await webhooks.create(own);
      const made = webhooks.requestEndpoint('https://r.example/', { tenant: 'a' });
      await webhooks.create(made);
      for (const tenant of ['b', '', 'A']) {
        for (const endpoint of [own, made]) {
          const p = { id: endpoint.id, tenant, now };
          assert.equal(await store.updateEndpoint({ ...p, change: { enabled: false } }), null);
          assert.equal(await store.removeEndpoint(p), 'missing');
          assert.deepStrictEqual(await webhooks.kept(endpoint), endpoint);
        }
        assert.deepStrictEqual(await endpointIds(bench, { tenant }), []);
        assert.deepStrictEqual(await webhooks.list({ tenant }), []);
        assert.equal(await store.countDeliveries({ filter: { tenant } }), 0);
      }
      assert.deepStrictEqual(await webhooks.listIds({ tenant: 'a', endpointId: own.id }), [id]);
    },
  },
  {
    title: 'endpoints are listed newest first, page by page, both kinds or one',
    async run(bench) {
      const { webhooks } = bench;
      const ids: Record<Endpoint['kind'], string[]> = { registered: [], request: [] };
      for (let i = 0; i < 7; i += 1) {
        bench.now += i % 2;
        const to =
          i % 3 === 0
            ? webhooks.requestEndpoint(`https://r${i}.example/`)
            : await webhooks.endpoint({ description: `${i}` });
        if (to.kind === 'request') await webhooks.create(to);
        ids[to.kind].unshift(to.id);
        await webhooks.endpoint({ tenant: 'b' });
      }
      const all = [...ids.registered, ...ids.request].toSorted().toReversed();
      for (const limit of [1, 2, 7, 50]) {
        assert.deepStrictEqual(await endpointIds(bench, { limit }), all);
        for (const kind of ['registered', 'request'] as const) {
          assert.deepStrictEqual(await endpointIds(bench, { limit, kind }), ids[kind]);
        }
      }
      const { endpoints, nextBeforeId } = await bench.store.listEndpoints({
        tenant: '',
        limit: 7,
        beforeId: null,
      });
      assert.equal(nextBeforeId, null, 'a full last page has no next one');
      for (const endpoint of endpoints) {
        assert.deepStrictEqual(endpoint, await webhooks.kept(endpoint));
      }
    },
  },
  {
    title:
      'the counts of an endpoint are of what is pending, held and dead, and follow every change',
    async run(bench) {
      const { webhooks, store } = bench;
      const [to, other] = [await webhooks.endpoint(), await webhooks.endpoint()];
      await webhooks.createMany(other, 3);
      await webhooks.discard(...(await webhooks.listIds()));
      const counts = async (): Promise<number[]> => {
        const read = await store.readEndpoint(to);
        return [read!.waiting, read!.held, read!.dead];
      };
      const dead = await webhooks.dead(to);
      await webhooks.sending(to);
      const [a] = await webhooks.createMany(to, 3);
      assert.deepStrictEqual(await counts(), [3, 0, 1]);
      await webhooks.discard(a!);
      await webhooks.redeliver([dead.id]);
      assert.deepStrictEqual(await counts(), [3, 0, 0]);
      await webhooks.change(to, { enabled: false });
      assert.deepStrictEqual(await counts(), [0, 3, 0]);
      await webhooks.discard(dead.id);
      await webhooks.change(to, { enabled: true });
      assert.deepStrictEqual(await counts(), [2, 0, 0]);
    },
  },
  {
    title: 'an endpoint that is removed takes with it what waits, and its secrets; the rest stays',
    async run(bench) {
      const { webhooks, store } = bench;
      for (const enabled of [true, false]) {
        const to = await webhooks.endpoint({}, 'whsec_MQ==');
        const other = await webhooks.endpoint({}, 'whsec_Mg==');
        const kept = [
          await webhooks.dead(to),
          await webhooks.deliver(await webhooks.sending(to)),
          await webhooks.sending(to),
        ];
        const waiting = [await webhooks.create(to), await webhooks.create(to)];
        kept.push(await webhooks.create(other, { expiresAt: bench.now + 10 }));
        await webhooks.change(to, { enabled });
        bench.now += 5;
        const before = await Promise.all(waiting.map(({ id }) => webhooks.record(id)));
        assert.equal(await webhooks.remove(to), 'removed');
        for (const record of before) await webhooks.assertDecided(record, { type: 'discarded' });
        for (const record of kept) await webhooks.assertRecord(record);
        assert.equal(await store.readEndpoint(to), null);
        assert.deepStrictEqual(await store.readSecrets({ owner: to.id, now: bench.now }), []);
        const left = await store.readSecrets({ owner: other.id, now: bench.now });
        assert.equal(left.length, 1);
        assert.ok(!(await endpointIds(bench, {})).includes(to.id));
        assert.equal(await webhooks.remove(to), 'missing');
        await webhooks.remove(other);
      }
    },
  },
  {
    title: 'the address of a request makes a new endpoint after the former was removed',
    async run(bench) {
      const { webhooks } = bench;
      const url = 'https://r.example.com/cb';
      const first = webhooks.requestEndpoint(url);
      await webhooks.create(first);
      await webhooks.remove(first);
      const second = webhooks.requestEndpoint(url);
      const { endpointId } = await webhooks.create(second);
      assert.equal(endpointId, second.id);
      assert.deepStrictEqual(await webhooks.kept(second), second);
    },
  },
  {
    title: 'an endpoint that is made again under its id has its former deliveries again',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = webhooks.requestEndpoint('https://r.example.com/cb', { version: 7 });
      const dead = await webhooks.dead(to);
      const sending = await webhooks.sending(to);
      await webhooks.remove(to);
      const again = { ...to, version: 1, createdAt: bench.now + 5 };
      bench.now += 5;
      const fresh = await webhooks.create(again);
      const counts = { waiting: 1, held: 0, dead: 1 };
      assert.deepStrictEqual(await store.readEndpoint(to), { endpoint: again, ...counts });
      assert.deepStrictEqual(await webhooks.claimIds({ endpointInFlightMax: 1 }), []);
      const [redelivered] = await webhooks.redeliver([dead.id]);
      assert.equal(redelivered?.outcome, 'applied');
      await webhooks.deliver(sending);
      assert.equal((await webhooks.kept(to)).health.lastSuccessAt, bench.now);
      const ids = await webhooks.claimIds({ endpointInFlightMax: 2 });
      assert.deepStrictEqual(ids.toSorted(), [dead.id, fresh.id].toSorted());
    },
  },
];

async function endpointIds(
  { store }: StoreBench,
  p: { tenant?: string; kind?: Endpoint['kind']; limit?: number },
): Promise<string[]> {
  const { tenant = '', limit = 200, kind } = p;
  const ids: string[] = [];
  let beforeId: string | null = null;
  do {
    const page = await store.listEndpoints({ tenant, limit, kind, beforeId });
    assert.ok(page.endpoints.length <= limit, 'a page holds at most its limit');
    for (const endpoint of page.endpoints) {
      assert.equal(endpoint.tenant, tenant);
      ids.push(endpoint.id);
    }
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
  return ids;
}
