import assert from 'node:assert/strict';
import { consentAwaited } from '../core/endpoint.ts';
import { afterClaim } from '../core/endpoint-health.ts';
import { changedEndpoint } from '../store/changed-endpoint.ts';
import type { HandshakeAnswer } from '../store/delivery-store.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';
import { delivered, endedBy } from './webhook-bench.ts';

/** Endpoints that are asked for their consent, and the rate that they allow. */
export const handshakeCases: readonly StoreCase[] = [
  {
    title: 'what is sent to an endpoint is held until it consents, and again once it is elsewhere',
    async run(bench) {
      const { webhooks } = bench;
      const to = await webhooks.endpoint({
        handshake: consentAwaited,
        disabled: { reason: 'no_consent', at: bench.now },
      });
      const { id } = await webhooks.create(to);
      assert.deepStrictEqual(await webhooks.states(id), ['held']);
      assert.deepStrictEqual(await webhooks.claim(), []);
      // A person cannot enable it: that would mean sending without consent.
      assert.deepStrictEqual(await webhooks.change(to, { enabled: true }), to);
      const steps = [
        { answer: answerOf(bench, to.url, { consents: false, detail: 'no' }), state: 'held' },
        {
          answer: answerOf(bench, 'https://elsewhere.example/', { consents: true }),
          state: 'held',
        },
        { answer: answerOf(bench, to.url, { consents: true }), state: 'pending' },
      ];
      let endpoint = to;
      for (const { answer, state } of steps) {
        bench.now += 1;
        const change = { handshake: answer };
        const expected = changedEndpoint(endpoint, change, bench.now);
        assert.deepStrictEqual(await webhooks.change(endpoint, change), expected);
        assert.deepStrictEqual(await webhooks.kept(endpoint), expected);
        assert.deepStrictEqual(await webhooks.states(id), [state]);
        endpoint = expected;
      }
      const url = { url: 'https://new.example/', origin: 'https://new.example' };
      const moved = await webhooks.change(endpoint, { url });
      assert.equal(moved.disabled?.reason, 'no_consent');
      assert.deepStrictEqual(moved.handshake, consentAwaited);
      assert.deepStrictEqual(await webhooks.states(id), ['held']);
      await webhooks.change(moved, { handshake: null });
      assert.deepStrictEqual(await webhooks.claimIds(), [id]);
    },
  },
  {
    title: 'an endpoint gets no more than it allows a minute, whoever claims, whatever comes of it',
    async run(bench) {
      const { webhooks } = bench;
      const handshake = { ...consentAwaited, state: 'given', perMinute: 7 } as const;
      const to = await webhooks.endpoint({ handshake });
      const other = await webhooks.endpoint();
      const ids = await webhooks.createMany(to, 3);
      const [free = ''] = await webhooks.createMany(other, 1);
      bench.now += 1;
      assert.deepStrictEqual(new Set(await webhooks.claimIds()), new Set([ids[0], free]));
      const paced = afterClaim(to, bench.now);
      assert.deepStrictEqual(await webhooks.kept(to), paced);
      const { gateAt } = paced.health;
      assert.equal(gateAt, bench.now + Math.ceil(60_000 / 7));
      const sending = await webhooks.record(ids[0] ?? '');
      assert.equal(await webhooks.nextDueAt({ worker: 'w2' }), gateAt);
      await webhooks.settle(endedBy(sending, delivered()));
      assert.equal((await webhooks.kept(to)).health.gateAt, gateAt);
      bench.now = gateAt - 1;
      assert.deepStrictEqual(await webhooks.claim({ worker: 'w2' }), []);
      bench.now = gateAt;
      assert.deepStrictEqual(await webhooks.claimIds({ worker: 'w2' }), [ids[1]]);
      assert.deepStrictEqual(await webhooks.claim(), []);
    },
  },
];

function answerOf(
  bench: StoreBench,
  url: string,
  p: Partial<HandshakeAnswer> & Pick<HandshakeAnswer, 'consents'>,
): HandshakeAnswer {
  return { url, askedAt: bench.now, detail: null, perMinute: null, ...p };
}
