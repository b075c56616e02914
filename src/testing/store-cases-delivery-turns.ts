import assert from 'node:assert/strict';
import type { Endpoint } from '../core/endpoint.ts';
import { newHealth, probePausesMs } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';
import { delivered, endedBy, failed, type ClaimPart } from './webhook-bench.ts';

/** Endpoints in turn, limits in flight, gates, and when to ask again. */
export const deliveryTurnCases: readonly StoreCase[] = [
  {
    title: 'an endpoint with 1,000 due deliveries does not keep another waiting',
    async run(bench) {
      const { webhooks } = bench;
      const busy = await webhooks.endpoint({ url: 'https://busy.example/' });
      await webhooks.createMany(busy, 1000);
      bench.now += 5;
      const quiet = await webhooks.endpoint({ url: 'https://quiet.example/' });
      const [only] = await webhooks.createMany(quiet, 1);
      assert.equal((await webhooks.claimIds({ limit: 2 }))[1], only);
      // This holds even if no attempt of the busy endpoint ever ends.
      await webhooks.claimIds();
      const [next] = await webhooks.createMany(quiet, 1);
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 1 }), [next]);
    },
  },
  {
    title: 'endpoints take turns: the one whose delivery has been due longest first, one of each',
    async run(bench) {
      const { webhooks } = bench;
      const [a, b, c] = await endpoints(bench, 3);
      const [c1] = await webhooks.createMany(c!, 1);
      bench.now += 1;
      const [a1, a2, a3] = await webhooks.createMany(a!, 3);
      const [b1, b2] = await webhooks.createMany(b!, 2);
      bench.now += 1;
      const [c2] = await webhooks.createMany(c!, 1);
      assert.deepStrictEqual(await webhooks.claimIds({ limit: 7 }), [c1, a1, b1, c2, a2, b2, a3]);
    },
  },
  {
    title: 'within an endpoint, what has been due longest goes first, then the oldest',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const first = await webhooks.sending(to);
      const second = await webhooks.sending(to);
      await webhooks.fail(first, bench.now + 20);
      await webhooks.fail(second, bench.now + 10);
      bench.now += 10;
      const [third, fourth] = await webhooks.createMany(to, 2);
      bench.now += 10;
      assert.deepStrictEqual(await webhooks.claimIds(), [second.id, third, fourth, first.id]);
    },
  },
  {
    title: 'at most so many attempts are in flight to an endpoint, over all workers',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const ids = await webhooks.createMany(to, 10);
      const claim = (worker: string, endpointInFlightMax: number) =>
        webhooks.claim({ worker, endpointInFlightMax });
      const [one] = await claim('w1', 1);
      const [two, three] = await claim('w2', 3);
      assert.deepStrictEqual(
        [one, two, three].map((claimed) => claimed?.delivery.id),
        ids.slice(0, 3),
      );
      assert.deepStrictEqual(await claim('w3', 3), []);
      assert.deepStrictEqual(await claim('w3', 2), []);
      await webhooks.deliver(one!.delivery);
      assert.equal((await claim('w3', 3)).length, 1);
      await webhooks.settle(
        endedBy(two!.delivery, failed({ endpointFault: false }), bench.now + 10),
        endedBy(three!.delivery, delivered()),
      );
      assert.equal((await claim('w1', 3)).length, 2);
    },
  },
  {
    title: 'the limit in flight can be far above its default',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.createMany(to, 90);
      const p = { endpointInFlightMax: 80, originInFlightMax: 80 };
      assert.equal((await webhooks.claim(p)).length, 80);
      assert.equal((await webhooks.claim(p)).length, 0);
    },
  },
  {
    title: 'what a dead worker had in flight counts until it is swept',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.createMany(to, 6);
      assert.equal((await webhooks.claim()).length, 4);
      bench.now += webhooks.leaseMs + 5_000;
      assert.equal(await webhooks.nextDueAt(), null);
      assert.equal((await webhooks.sweep()).changed.length, 4);
      assert.equal((await webhooks.claim()).length, 4);
      await webhooks.sweep({ workerDead: true });
      assert.equal((await webhooks.claim()).length, 4);
    },
  },
  {
    title:
      'at most so many attempts are in flight to an origin, over endpoints, tenants and workers',
    async run(bench) {
      const { webhooks } = bench;
      const paths: Endpoint[] = [];
      for (const tenant of ['a', 'b', 'c']) {
        paths.push(await webhooks.endpoint({ tenant, url: `https://o.example/${tenant}` }));
      }
      const port = await webhooks.endpoint({ url: 'https://o.example:8443/' });
      const plain = await webhooks.endpoint({ url: 'http://o.example/' });
      for (const to of [...paths, port, plain]) await webhooks.createMany(to, 3);
      const first = await webhooks.claim({ worker: 'w1', originInFlightMax: 5 });
      assert.deepStrictEqual(inFlight(first), {
        'https://o.example': 5,
        'https://o.example:8443': 3,
        'http://o.example': 3,
      });
      assert.deepStrictEqual(await webhooks.claim({ worker: 'w2', originInFlightMax: 5 }), []);
      assert.equal((await webhooks.claim({ worker: 'w2', originInFlightMax: 7 })).length, 2);
      await webhooks.deliver(first[0]!.delivery);
      const more = await webhooks.claim({ worker: 'w2', originInFlightMax: 7 });
      assert.deepStrictEqual(inFlight(more), { 'https://o.example': 1 });
    },
  },
  {
    title: 'an endpoint that moves to another origin counts there',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint({ url: 'https://old.example/' });
      const [old, fresh] = [
        await webhooks.endpoint({ url: 'https://old.example/2' }),
        await webhooks.endpoint({ url: 'https://new.example/' }),
      ];
      await webhooks.createMany(to, 2);
      await webhooks.claim({ originInFlightMax: 2 });
      const url = { url: 'https://new.example/1', origin: 'https://new.example' };
      await webhooks.change(to, { url });
      for (const endpoint of [old, fresh]) await webhooks.createMany(endpoint, 2);
      const claimed = await webhooks.claim({ originInFlightMax: 2 });
      assert.deepStrictEqual(inFlight(claimed), { 'https://old.example': 2 });
    },
  },
  {
    title: 'a full origin of 1,500 endpoints hides no other endpoint for ever',
    async run(bench) {
      const { webhooks } = bench;
      const many = Array.from({ length: 1500 }, (_, i) =>
        webhooks.requestEndpoint(`https://many.example/${i}`),
      );
      await webhooks.add(...many.map((to) => webhooks.planned(to)));
      bench.now += 5;
      const [only] = await webhooks.createMany(await webhooks.endpoint(), 1);
      assert.ok((await askAll(bench, { originInFlightMax: 16 })).includes(only!));
    },
  },
  {
    title: '1,500 endpoints behind a gate hide no other endpoint',
    async run(bench) {
      const { webhooks } = bench;
      const gateAt = bench.now + 60_000;
      const health = { ...newHealth, gateAt, gateReason: 'retry_after' } as const;
      const many = Array.from({ length: 1500 }, (_, i) =>
        webhooks.requestEndpoint(`https://many${i}.example/`, { health }),
      );
      await webhooks.add(...many.map((to) => webhooks.planned(to)));
      bench.now += 5;
      const [only] = await webhooks.createMany(await webhooks.endpoint(), 1);
      const { claimed, nextDueAt } = await webhooks.ask();
      assert.deepStrictEqual(
        claimed.map(({ delivery }) => delivery.id),
        [only],
      );
      assert.equal(nextDueAt, gateAt);
    },
  },
  {
    title:
      'nothing goes to an endpoint before the instant it asked for, and no attempt is lost by it',
    async run(bench) {
      const { webhooks } = bench;
      const [to, other] = await endpoints(bench, 2);
      const waiting = await webhooks.create(to!);
      const [claimed] = await webhooks.claim({ limit: 1 });
      assert.equal(claimed?.delivery.id, waiting.id);
      const parked = await webhooks.create(to!);
      const gateAt = bench.now + 30_000;
      await webhooks.fail(claimed.delivery, bench.now + 5_000, { retryAfterAt: gateAt });
      assert.equal((await webhooks.kept(to!)).health.gateReason, 'retry_after');
      const [free] = await webhooks.createMany(other!, 1);
      const { claimed: meanwhile, nextDueAt } = await webhooks.ask();
      assert.deepStrictEqual(
        meanwhile.map(({ delivery }) => delivery.id),
        [free],
      );
      assert.equal(nextDueAt, gateAt);
      bench.now = gateAt - 1;
      assert.equal(await webhooks.nextDueAt(), gateAt);
      await webhooks.assertRecord(parked);
      bench.now = gateAt;
      assert.deepStrictEqual(await webhooks.claimIds(), [parked.id, waiting.id]);
    },
  },
  {
    title: 'an open circuit lets nothing out, then one probe at a time, then 1, 2 and 4',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.createMany(to, 30, { expiresAt: bench.now + limits.deliveryTtlMs });
      const p = { limit: 30, endpointInFlightMax: 5 };
      const all = await webhooks.claim(p);
      assert.equal(all.length, 5);
      const again = bench.now + 1;
      await webhooks.settle(...all.map((one) => endedBy(one.delivery, failed(), again)));
      for (const [i, pauseMs] of [...probePausesMs, probePausesMs.at(-1)!].entries()) {
        const { gateAt } = (await webhooks.kept(to)).health;
        assert.equal(gateAt, bench.now + pauseMs, `pause ${i}`);
        bench.now = gateAt - 1;
        assert.equal(await webhooks.nextDueAt(p), gateAt);
        bench.now = gateAt;
        const probe = await webhooks.claim(p);
        assert.equal(probe.length, 1, 'one probe');
        assert.deepStrictEqual(await webhooks.claim(p), [], 'and no second beside it');
        await webhooks.fail(probe[0]!.delivery, bench.now + 1);
      }
      bench.now = (await webhooks.kept(to)).health.gateAt!;
      for (const size of [1, 1, 2, 4, 5]) {
        const claimed = await webhooks.claim(p);
        assert.equal(claimed.length, size, `${size} in flight`);
        assert.deepStrictEqual(await webhooks.claim(p), []);
        // Only one of them succeeds: one success is one step of the ramp.
        const [good, ...rest] = claimed;
        const mild = failed({ endpointFault: false });
        await webhooks.settle(...rest.map((one) => endedBy(one.delivery, mild, bench.now)));
        await webhooks.deliver(good!.delivery);
      }
    },
  },
  {
    title: 'a gate further ahead than any legal one does not stand: the clock was wrong',
    async run(bench) {
      const { webhooks } = bench;
      const gateAt = bench.now + limits.retryAfterGateMsMax;
      const health = { ...newHealth, gateAt, gateReason: 'retry_after' } as const;
      const to = await webhooks.endpoint({ health });
      const { id } = await webhooks.create(to, { expiresAt: gateAt + 1_000_000 });
      assert.equal(await webhooks.nextDueAt(), gateAt);
      await bench.reopen?.();
      bench.now -= 1;
      const [claimed] = await webhooks.claim();
      assert.equal(claimed, undefined, 'its own instant is ahead by now, as the clock went back');
      assert.equal(await webhooks.nextDueAt(), bench.now + 1);
      await webhooks.redeliver([id]);
      assert.deepStrictEqual(await webhooks.claimIds(), [id]);
    },
  },
  {
    title:
      'when to ask again is when the first delivery of an endpoint is due and its gate is over',
    async run(bench) {
      const { webhooks } = bench;
      assert.equal(await webhooks.nextDueAt(), null, 'nothing waits');
      const [a, b, c, d] = await endpoints(bench, 4);
      const start = bench.now;
      const mild = { endpointFault: false };
      await webhooks.fail(await webhooks.sending(a!), start + 400, mild);
      await webhooks.fail(await webhooks.sending(a!), start + 300, mild);
      assert.equal(await webhooks.nextDueAt(), start + 300);
      await webhooks.fail(await webhooks.sending(b!), start + 100, { retryAfterAt: start + 350 });
      assert.equal(await webhooks.nextDueAt(), start + 300);
      await webhooks.fail(await webhooks.sending(c!), start + 200, mild);
      assert.equal(await webhooks.nextDueAt(), start + 200);
      await webhooks.fail(await webhooks.sending(d!), start + 50, mild);
      await webhooks.change(d!, { enabled: false });
      for (const at of [200, 300, 350, 400]) {
        bench.now = start + at - 1;
        assert.equal(await webhooks.nextDueAt(), start + at);
        bench.now = start + at;
        assert.equal((await webhooks.claim()).length, 1);
      }
      assert.equal(await webhooks.nextDueAt(), null);
    },
  },
  {
    title: 'what is due and waits for an attempt in flight is no reason to ask again',
    async run(bench) {
      const { webhooks } = bench;
      const [a, b] = await endpoints(bench, 2);
      const nextAt = bench.now + 1_000;
      await webhooks.fail(await webhooks.sending(b!), nextAt, { endpointFault: false });
      await webhooks.createMany(a!, 5);
      assert.equal((await webhooks.claim()).length, 4);
      assert.equal(await webhooks.nextDueAt(), nextAt);
      bench.now = nextAt;
      assert.equal((await webhooks.claim()).length, 1);
      assert.equal(await webhooks.nextDueAt(), null);
    },
  },
  {
    title: 'what waited for its origin is not due any more when the clock went back in a restart',
    async run(bench) {
      const { webhooks } = bench;
      const [a, b] = ['https://o.example/1', 'https://o.example/2'] as const;
      await webhooks.sending(await webhooks.endpoint({ url: a }));
      const waiting = await webhooks.create(await webhooks.endpoint({ url: b }));
      const p = { originInFlightMax: 1 };
      assert.equal(await webhooks.nextDueAt(p), null);
      await bench.reopen?.();
      bench.now -= 1000;
      assert.equal(await webhooks.nextDueAt(p), waiting.nextAt);
    },
  },
  {
    title: 'deliveries that are held are not claimed, and their turn comes when they are released',
    async run(bench) {
      const { webhooks } = bench;
      const [off, on] = await endpoints(bench, 2);
      const ids = await webhooks.createMany(off!, 2);
      await webhooks.change(off!, { enabled: false });
      ids.push(...(await webhooks.createMany(off!, 1)));
      const [free] = await webhooks.createMany(on!, 1);
      assert.deepStrictEqual(await webhooks.claimIds(), [free]);
      assert.equal(await webhooks.nextDueAt(), null);
      bench.now += 5;
      await webhooks.change(off!, { enabled: true });
      for (const id of ids) {
        const [claimed, ...more] = await webhooks.claim();
        assert.deepStrictEqual([claimed?.delivery.id, more], [id, []], 'the first is a single one');
        await webhooks.fail(claimed!.delivery, null);
      }
    },
  },
];

async function endpoints({ webhooks }: StoreBench, count: number): Promise<Endpoint[]> {
  const made: Endpoint[] = [];
  for (let i = 0; i < count; i += 1) {
    made.push(await webhooks.endpoint({ url: `https://e${i}.example/` }));
  }
  return made;
}

/** All that claims return while they ask to be repeated at once; they must come to an end. */
async function askAll({ webhooks, now }: StoreBench, p: ClaimPart): Promise<string[]> {
  const ids: string[] = [];
  for (let asked = 0; asked < 20; asked += 1) {
    const { claimed, nextDueAt } = await webhooks.ask(p);
    ids.push(...claimed.map(({ delivery }) => delivery.id));
    if (claimed.length === 0 && (nextDueAt === null || nextDueAt > now)) return ids;
  }
  return assert.fail('claims ask to be repeated for ever');
}

function inFlight(claimed: readonly { readonly endpoint: Endpoint }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { endpoint } of claimed) {
    counts[endpoint.origin] = (counts[endpoint.origin] ?? 0) + 1;
  }
  return counts;
}
