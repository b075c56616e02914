import assert from 'node:assert/strict';
import type { AttemptResult, Delivery, DeliveryAttempt } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { afterAttempt } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';
import { delivered, endedBy, failed } from './webhook-bench.ts';

/** How attempts end, and how that changes their endpoint. */
export const deliverySettleCases: readonly StoreCase[] = [
  {
    title: 'a delivered one is over, its attempt told in full',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const startedAt = bench.now;
      bench.now += 40;
      const result = delivered({
        answer: {
          status: 200,
          headers: { 'content-type': 'text/plain', 'x-odd': 'é "\u2028' },
          excerpt: { text: 'Thänks 🧾 \u0001' },
        },
        timings: { dnsMs: 1, connectMs: 2, tlsMs: null, firstByteMs: 30, totalMs: 40 },
      });
      const after = await settled(bench, sending, result);
      assert.equal(after.state, 'delivered');
      assert.equal(after.lastStatus, 200);
      assert.equal(after.finishedAt, bench.now);
      assert.equal(after.removeAt, bench.now + limits.deliveryMs);
      assert.deepStrictEqual(await webhooks.attempts(sending.id), [
        attempt(sending, {
          startedAt,
          endedAt: bench.now,
          outcome: 'delivered',
          answer: result.answer,
          timings: result.timings,
        }),
      ]);
    },
  },
  {
    title: 'a failed one waits for its next attempt, and both tell when and why',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const startedAt = bench.now;
      bench.now += 40;
      const result = failed({
        answer: { status: 503, headers: {}, excerpt: { base64: '/w==' } },
        error: 'http_503',
        detail: 'odd \u0001 "é" 🧾 % _ \\',
      });
      const next = { at: bench.now + 5_000, reason: 'schedule step 1 ±20 %' };
      const token = sending.lease!.token;
      await webhooks.settle({ id: sending.id, token, result, next });
      const after = await webhooks.assertDecided(sending, { type: 'ended', token, result, next });
      assert.deepStrictEqual(
        [after.state, after.nextAt, after.nextReason, after.failures, after.lastError],
        ['pending', next.at, next.reason, 1, 'http_503'],
      );
      assert.deepStrictEqual(await webhooks.attempts(sending.id), [
        attempt(sending, {
          startedAt,
          endedAt: bench.now,
          outcome: 'failed',
          answer: result.answer,
          error: result.error,
          detail: result.detail,
          timings: result.timings,
          nextAt: next.at,
          nextReason: next.reason,
        }),
      ]);
    },
  },
  {
    title: 'an attempt without an answer keeps its nulls',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      const result = failed({ answer: null, error: 'dns', detail: null, timings: null });
      const after = await settled(bench, sending, result, bench.now + 5);
      assert.deepStrictEqual([after.lastStatus, after.lastError], [null, 'dns']);
      const [row] = await webhooks.attempts(sending.id);
      assert.deepStrictEqual([row?.answer, row?.detail, row?.timings], [null, null, null]);
      const blank = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 };
      bench.now += 5;
      const [again] = await webhooks.claim();
      await settled(bench, again!.delivery, failed({ timings: blank }), bench.now);
      assert.deepStrictEqual((await webhooks.attempts(sending.id))[1]?.timings, blank);
    },
  },
  {
    title: 'the last failure makes a dead letter, whatever was planned',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const mild = failed({ endpointFault: false });
      const planless = await settled(bench, await webhooks.sending(to), mild, null);
      let sending = await webhooks.sending(to, { failuresMax: 2 });
      await settled(bench, sending, mild, bench.now);
      [sending] = (await webhooks.claim()).map(({ delivery }) => delivery) as [Delivery];
      const counted = await settled(bench, sending, mild, bench.now + 5);
      const aborted = await settled(
        bench,
        await webhooks.sending(to),
        failed({ abort: true }),
        bench.now + 5,
      );
      for (const dead of [planless, counted, aborted]) {
        assert.deepStrictEqual(
          [dead.state, dead.finishedAt, dead.removeAt],
          ['dead', bench.now, bench.now + limits.deadLetterMs],
        );
        assert.equal((await webhooks.attempts(dead.id)).at(-1)?.nextAt, null);
      }
    },
  },
  {
    title: 'what is never retried is cancelled by its failure',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to, { failuresMax: 1 });
      const after = await settled(bench, sending, failed(), bench.now + 5);
      assert.equal(after.state, 'cancelled');
    },
  },
  {
    title: 'a settlement whose lease is not the one that stands changes nothing at all',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const bad = failed({ disable: 'gone', retryAfterAt: bench.now + 1000 });
      const stale = endedBy(sending, bad, bench.now + 5);
      const untouched = async (expected: Delivery): Promise<void> => {
        await webhooks.assertRecord(expected);
        assert.deepStrictEqual(await webhooks.kept(to), to);
      };
      assert.deepStrictEqual(
        await webhooks.settle(
          { ...stale, token: 'token-of-another' },
          { ...stale, id: 'msg_never' },
          { ...stale, token: '' },
        ),
        ['lost', 'lost', 'lost'],
      );
      await untouched(sending);
      // The delivery was swept, and is in flight again under another lease.
      await webhooks.sweep({ workerDead: true });
      assert.deepStrictEqual(await webhooks.settle(stale), ['lost']);
      const [again] = await webhooks.claim();
      assert.deepStrictEqual(await webhooks.settle(stale), ['lost']);
      await untouched(again!.delivery);
      const rows = await webhooks.attempts(sending.id);
      assert.deepStrictEqual(
        rows.map(({ outcome }) => outcome),
        ['unknown', 'sending'],
      );
    },
  },
  {
    title: 'an attempt ends once',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const good = endedBy(sending, delivered());
      const bad = endedBy(sending, failed(), bench.now);
      assert.deepStrictEqual(await webhooks.settle(good, bad, good), ['applied', 'lost', 'lost']);
      bench.now += 5;
      assert.deepStrictEqual(await webhooks.settle(bad), ['lost']);
      assert.equal((await webhooks.record(sending.id)).state, 'delivered');
      assert.equal((await webhooks.kept(to)).health.lastFailureAt, null);
      assert.equal((await webhooks.attempts(sending.id)).length, 1);
    },
  },
  {
    title: 'an attempt that ends after its lease ran out, but was not swept, counts',
    async run(bench) {
      const { webhooks } = bench;
      const sending = await webhooks.sending(await webhooks.endpoint());
      bench.now += 2 * webhooks.leaseMs;
      const after = await settled(bench, sending, delivered());
      assert.equal(after.state, 'delivered');
      assert.deepStrictEqual((await webhooks.sweep()).changed, []);
    },
  },
  {
    title: 'the health of the endpoint follows every attempt, in the order of one call too',
    async run(bench) {
      const { webhooks } = bench;
      let to = await webhooks.endpoint();
      await webhooks.createMany(to, 40);
      const results = [
        failed(),
        failed({ endpointFault: false }),
        delivered(),
        failed(),
        failed({ answer: null, error: 'timeout' }),
        failed(),
        failed(),
        failed(),
        failed({ retryAfterAt: bench.now + 40_000 }),
        delivered(),
      ];
      const claimed = await webhooks.claim({ endpointInFlightMax: results.length });
      await webhooks.settle(
        ...results.map((result, i) => endedBy(claimed[i]!.delivery, result, bench.now + 5)),
      );
      for (const [i, result] of results.entries()) {
        to = afterAttempt(to, { deliveryId: claimed[i]!.delivery.id, result }, bench.now);
      }
      assert.deepStrictEqual(await webhooks.kept(to), to);
      bench.now += 60_000;
      const [more] = await webhooks.claim();
      const result = delivered();
      await webhooks.settle(endedBy(more!.delivery, result));
      const after = afterAttempt(to, { deliveryId: more!.delivery.id, result }, bench.now);
      assert.deepStrictEqual(await webhooks.kept(to), after);
    },
  },
  {
    title: 'one bad message opens no circuit, several do',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const { id } = await webhooks.create(to);
      for (let i = 0; i < 6; i += 1) {
        const [claimed] = await webhooks.claim();
        await webhooks.fail(claimed!.delivery, bench.now);
      }
      assert.equal((await webhooks.kept(to)).health.circuit, 'closed');
      await webhooks.discard(id);
      await webhooks.fail(await webhooks.sending(to), bench.now);
      const { health } = await webhooks.kept(to);
      assert.deepStrictEqual([health.circuit, health.failures], ['open', 7]);
    },
  },
  {
    title: 'an endpoint that is gone is disabled at once, and its deliveries are held, not dropped',
    async run(bench) {
      for (const disable of ['gone', 'requested'] as const) {
        const { webhooks } = bench;
        const to = await webhooks.endpoint();
        const other = await webhooks.endpoint({ url: 'https://other.example/' });
        const unharmed = await webhooks.create(other, { expiresAt: bench.now + 500 });
        const [first] = await webhooks.claim();
        assert.equal(first?.delivery.id, unharmed.id);
        const sending = await webhooks.sending(to);
        const inFlight = await webhooks.sending(to);
        const waiting = await webhooks.create(to);
        bench.now += 3;
        const result = failed({ disable, endpointFault: false });
        const after = await settled(bench, sending, result, bench.now + 5_000);
        assert.equal(after.state, 'held');
        assert.equal((await webhooks.attempts(after.id)).at(-1)?.nextAt, null, 'none is planned');
        const kept = await webhooks.kept(to);
        assert.deepStrictEqual(
          kept,
          afterAttempt(to, { deliveryId: sending.id, result }, bench.now),
        );
        assert.deepStrictEqual(kept.disabled, { reason: disable, at: bench.now });
        await webhooks.assertRecord(held(waiting));
        await webhooks.assertRecord(inFlight);
        await webhooks.assertRecord(first.delivery);
        await webhooks.deliver(first.delivery);
        await webhooks.deliver(inFlight);
        assert.equal((await webhooks.kept(to)).version, kept.version, 'it stays as it is disabled');
      }
    },
  },
  {
    title: 'an answer 2xx that asks for no more disables too',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const waiting = await webhooks.create(to);
      const after = await settled(bench, sending, delivered({ disable: 'requested' }));
      assert.equal(after.state, 'delivered');
      await webhooks.assertRecord(held(waiting));
    },
  },
  {
    title: 'an attempt that fails after its endpoint was disabled is held',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const sending = await webhooks.sending(to);
      const last = await webhooks.sending(to);
      await webhooks.change(to, { enabled: false });
      const result = failed({ disable: 'gone' });
      const after = await settled(bench, sending, result, bench.now + 5_000);
      assert.equal(after.state, 'held');
      assert.equal(after.version, sending.version + 1);
      assert.equal((await settled(bench, last, result, null)).state, 'dead');
      assert.deepStrictEqual((await webhooks.kept(to)).disabled, {
        reason: 'manual',
        at: bench.now,
      });
    },
  },
  {
    title: 'an endpoint that did nothing but fail for five days is disabled',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      const expiresAt = bench.now + 2 * limits.failingMsMax;
      const sending = await webhooks.sending(to, { expiresAt });
      const start = bench.now;
      await webhooks.fail(sending, start + limits.failingMsMax - 1, { endpointFault: false });
      for (const [at, reason] of [
        [limits.failingMsMax - 1, undefined],
        [limits.failingMsMax, 'failing'],
      ] as const) {
        bench.now = start + at;
        const [claimed] = await webhooks.claim();
        await webhooks.fail(claimed!.delivery, bench.now + 1, { endpointFault: false });
        assert.equal((await webhooks.kept(to)).disabled?.reason, reason);
      }
      assert.equal((await webhooks.record(sending.id)).state, 'held');
    },
  },
  {
    title: 'an attempt whose endpoint was removed ends as it ends, and is not followed by another',
    async run(bench) {
      const { webhooks, store } = bench;
      const to = await webhooks.endpoint();
      const sending = [await webhooks.sending(to), await webhooks.sending(to)];
      const last = await webhooks.sending(to);
      await webhooks.remove(to);
      for (const one of sending) await webhooks.assertRecord(one);
      const good = await settled(bench, sending[0]!, delivered());
      const bad = await settled(bench, sending[1]!, failed(), bench.now + 5_000);
      const dead = await settled(bench, last, failed(), null);
      assert.deepStrictEqual(
        [good.state, bad.state, dead.state],
        ['delivered', 'cancelled', 'dead'],
      );
      assert.equal((await webhooks.attempts(bad.id)).at(-1)?.nextAt, null);
      assert.equal(await store.readEndpoint({ id: to.id }), null);
    },
  },
];

/**
 * Settles, compares the record, the attempt and the endpoint with core/, and returns the record.
 */
async function settled(
  bench: StoreBench,
  sending: Delivery,
  ...[result, nextAt = null]: [AttemptResult, (number | null)?]
): Promise<Delivery> {
  const { webhooks, store } = bench;
  const settlement = endedBy(sending, result, nextAt);
  const before: Endpoint | undefined = (await store.readEndpoint({ id: sending.endpointId }))
    ?.endpoint;
  assert.deepStrictEqual(await webhooks.settle(settlement), ['applied']);
  const { token, next } = settlement;
  const after = await webhooks.assertDecided(sending, { type: 'ended', token, result, next });
  if (before !== undefined) {
    const p = { deliveryId: sending.id, result };
    assert.deepStrictEqual(await webhooks.kept(before), afterAttempt(before, p, bench.now));
  }
  return after;
}

function held(pending: Delivery): Delivery {
  const { version } = pending;
  return { ...pending, state: 'held', nextAt: null, nextReason: null, version: version + 1 };
}

function attempt(sending: Delivery, p: Partial<DeliveryAttempt>): DeliveryAttempt {
  return {
    deliveryId: sending.id,
    number: sending.attempts,
    trigger: 'schedule',
    worker: 'w1',
    startedAt: 0,
    endedAt: null,
    outcome: 'sending',
    answer: null,
    error: null,
    detail: null,
    timings: null,
    nextAt: null,
    nextReason: null,
    ...p,
  };
}
