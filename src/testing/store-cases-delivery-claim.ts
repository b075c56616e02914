import assert from 'node:assert/strict';
import { decideDelivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import type { StoreCase } from './store-bench.ts';
import { endedBy, failed } from './webhook-bench.ts';

/** What claims return and record. Fairness and gates are in store-cases-delivery-turns.ts. */
export const deliveryClaimCases: readonly StoreCase[] = [
  {
    title: 'a claimed delivery is sending under a fresh lease, with all that an attempt needs',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint({ headers: { 'x-key': 'é' } }, 'whsec_b3du');
      const planned = webhooks.planned(to, {
        url: 'https://hooks.example.com/raincheck?a=%20b',
        headers: { 'x-shop': '1' },
        secret: 'whsec_ZGVsaXZlcnk=',
        body: '{"é":1}',
      });
      await webhooks.add(planned);
      const before = await webhooks.record(planned.id);
      bench.now += 3;
      const { claimed, nextDueAt } = await webhooks.ask({ worker: 'w7', leaseMs: 12_345 });
      const event = {
        type: 'claimed',
        worker: 'w7',
        token: 'token-1',
        leaseMs: 12_345,
        url: to.url,
      } as const;
      const delivery = await webhooks.assertDecided(before, event);
      assert.deepStrictEqual(claimed, [
        {
          delivery,
          body: planned.body,
          headers: planned.headers,
          secret: planned.secret,
          secrets: ['whsec_b3du'],
          endpoint: to,
        },
      ]);
      assert.equal(nextDueAt, null);
    },
  },
  {
    title: 'the row of the attempt is there as soon as it is claimed',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const { id } = await webhooks.create(to);
      bench.now += 3;
      await webhooks.claim({ worker: 'w7' });
      assert.deepStrictEqual(await webhooks.attempts(id), [
        {
          deliveryId: id,
          number: 1,
          trigger: 'schedule',
          worker: 'w7',
          startedAt: bench.now,
          endedAt: null,
          outcome: 'sending',
          answer: null,
          error: null,
          detail: null,
          timings: null,
          nextAt: null,
          nextReason: null,
        },
      ]);
    },
  },
  {
    title: 'a body is the same bytes at every claim',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const odd = ['', '{}', `{"a": "é \u2028 🧾 \\u0000 \u0001 ' % _"}\n`, 'x'.repeat(300_000)];
      const ids: string[] = [];
      for (const body of odd) ids.push((await webhooks.create(to, { body })).id);
      for (let attempt = 1; attempt <= 3; attempt += 1) {
        const claimed = await webhooks.claim();
        assert.deepStrictEqual(
          claimed.map(({ delivery }) => delivery.id),
          ids,
        );
        for (const [i, body] of odd.entries()) {
          assert.ok(claimed[i]!.body === body, `body ${i} at attempt ${attempt}`);
          assert.ok((await webhooks.stored(ids[i]!)).body === body);
        }
        const result = failed({ endpointFault: false });
        await webhooks.settle(...claimed.map((one) => endedBy(one.delivery, result, bench.now)));
      }
    },
  },
  {
    title: 'a delivery is claimed when it is due, and not a millisecond before',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const nextAt = bench.now + 5_000;
      await webhooks.fail(sending, nextAt);
      bench.now = nextAt - 1;
      assert.equal(await webhooks.nextDueAt(), nextAt);
      bench.now = nextAt;
      const [again] = await webhooks.claim();
      assert.equal(again?.delivery.id, sending.id);
      assert.equal(again?.delivery.attempts, 2);
      assert.deepStrictEqual(
        (await webhooks.attempts(sending.id)).map(({ number, outcome }) => [number, outcome]),
        [
          [1, 'failed'],
          [2, 'sending'],
        ],
      );
    },
  },
  {
    title: 'a delivery in flight, or over, is not claimed',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.deliver(await webhooks.sending(to));
      await webhooks.dead(to);
      const discarded = await webhooks.create(to);
      await webhooks.discard(discarded.id);
      await webhooks.sending(to);
      assert.equal(await webhooks.nextDueAt(), null);
      bench.now += 10_000;
      assert.equal(await webhooks.nextDueAt(), null);
    },
  },
  {
    title: 'claims at the same time never get the same delivery, nor the same token',
    async run(bench) {
      const { webhooks } = bench;
      const endpoints = [];
      for (let i = 0; i < 6; i += 1) {
        endpoints.push(await webhooks.endpoint({ url: `https://e${i}.example.com/` }));
      }
      for (const to of endpoints) await webhooks.createMany(to, 6);
      const claims = await Promise.all(
        ['w1', 'w2', 'w3', 'w4'].map((worker) => webhooks.claim({ worker, limit: 7 })),
      );
      const all = claims.flat();
      assert.equal(all.length, 24, 'four of each endpoint, and no more');
      assert.equal(new Set(all.map(({ delivery }) => delivery.id)).size, all.length);
      assert.equal(new Set(all.map(({ delivery }) => delivery.lease?.token)).size, all.length);
      for (const { delivery } of all) await webhooks.assertRecord(delivery);
    },
  },
  {
    title: 'what has outlived its time is not claimed, swept or not',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const expiresAt = bench.now + 1000;
      const short = await webhooks.create(to, { expiresAt });
      bench.now = expiresAt - 1;
      const last = await webhooks.create(to, { expiresAt });
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 1 }), [short.id]);
      const later = await webhooks.fail(await webhooks.record(short.id), expiresAt - 1);
      bench.now = expiresAt;
      assert.equal(await webhooks.nextDueAt(), null);
      await webhooks.assertRecord(last);
      await webhooks.assertRecord(later);
      const fresh = await webhooks.create(to);
      assert.deepStrictEqual(await webhooks.claimIds(), [fresh.id]);
    },
  },
  {
    title: 'what has outlived its time does not hide when the next is due',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const expiresAt = bench.now + 1000;
      const sending = await webhooks.sending(to);
      const nextAt = bench.now + 5000;
      await webhooks.fail(sending, nextAt);
      await webhooks.create(to, { expiresAt });
      bench.now = expiresAt;
      assert.equal(await webhooks.nextDueAt(), nextAt);
    },
  },
  {
    title: 'an instant further ahead than any legal one is due: the clock was wrong',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const expiresAt = bench.now + 10 * limits.deliveryTtlMs;
      const sending = await webhooks.sending(to, { expiresAt });
      const nextAt = bench.now + limits.deliveryTtlMs;
      await webhooks.fail(sending, nextAt);
      assert.equal(await webhooks.nextDueAt(), nextAt);
      bench.now -= 1;
      assert.deepStrictEqual(await webhooks.claimIds(), [sending.id]);
    },
  },
  {
    title: 'the secrets of a claim are the live ones, newest first',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint({}, 'whsec_MQ==');
      const owner = to.id;
      const secrets = async (): Promise<readonly string[] | undefined> => {
        await webhooks.create(to);
        const [claimed] = await webhooks.claim();
        await webhooks.deliver(claimed!.delivery);
        return claimed?.secrets;
      };
      assert.deepStrictEqual(await secrets(), ['whsec_MQ==']);
      await store.rotateSecret({ owner, secret: 'whsec_Mg==', graceMs: 100, now: bench.now });
      bench.now += 50;
      await store.rotateSecret({ owner, secret: 'whsec_Mw==', graceMs: 100, now: bench.now });
      assert.deepStrictEqual(await secrets(), ['whsec_Mw==', 'whsec_Mg==', 'whsec_MQ==']);
      bench.now += 50;
      assert.deepStrictEqual(await secrets(), ['whsec_Mw==', 'whsec_Mg=='], 'one grace is over');
      bench.now += 50;
      assert.deepStrictEqual(await secrets(), ['whsec_Mw==']);
    },
  },
  {
    title: "an endpoint without secrets is signed for with its tenant's, and no other's",
    async run(bench) {
      const { webhooks, store } = bench;
      const rotate = (owner: string, secret: string) =>
        store.rotateSecret({ owner, secret, graceMs: 1000, now: bench.now });
      await rotate(tenantOwner('a'), 'whsec_YQ==');
      await rotate(tenantOwner('b'), 'whsec_Yg==');
      const own = await webhooks.endpoint({ tenant: 'a', url: 'https://1.example/' }, 'whsec_MQ==');
      const plain = await webhooks.endpoint({ tenant: 'a', url: 'https://2.example/' });
      const asked = webhooks.requestEndpoint('https://3.example/', { tenant: 'b' });
      const bare = await webhooks.endpoint({ tenant: 'c', url: 'https://4.example/' });
      for (const to of [own, plain, asked, bare]) await webhooks.create(to);
      await rotate(tenantOwner('a'), 'whsec_YTI=');
      const claimed = await webhooks.claim();
      assert.deepStrictEqual(
        claimed.map(({ secrets }) => secrets),
        [['whsec_MQ=='], ['whsec_YTI=', 'whsec_YQ=='], ['whsec_Yg=='], []],
      );
    },
  },
  {
    title: 'a claim takes no more than its limit',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const ids = await webhooks.createMany(to, 3);
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 2 }), ids.slice(0, 2));
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 2 }), ids.slice(2));
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 2 }), []);
    },
  },
  {
    title: 'a delivery sent again by hand is claimed with that as its trigger, once',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const { id } = await webhooks.fail(await webhooks.sending(to), bench.now + 60_000);
      await webhooks.redeliver([id]);
      const before = await webhooks.record(id);
      const [claimed] = await webhooks.claim({ worker: 'w2' });
      const token = claimed!.delivery.lease!.token;
      const { leaseMs } = webhooks;
      const decision = decideDelivery(
        before,
        { type: 'claimed', worker: 'w2', token, leaseMs, url: to.url },
        bench.now,
      );
      assert.ok(decision.outcome === 'applied');
      assert.deepStrictEqual(claimed?.delivery, decision.delivery);
      await webhooks.fail(claimed.delivery, bench.now);
      await webhooks.claim();
      assert.deepStrictEqual(
        (await webhooks.attempts(id)).map(({ trigger }) => trigger),
        ['schedule', 'manual', 'schedule'],
      );
    },
  },
];
