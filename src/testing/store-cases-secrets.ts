import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { WebhookSecret } from '../store/delivery-store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

/**
 * The secrets that sign, and for how long. Which of them a claim returns is in
 * store-cases-delivery-claim.ts.
 */
export const secretCases: readonly StoreCase[] = [
  {
    title: 'the secret an endpoint is made with is live until it is rotated',
    async run(bench) {
      const { webhooks } = bench;
      const { id } = await webhooks.endpoint({}, 'whsec_MQ==');
      const only = { value: 'whsec_MQ==', createdAt: bench.now, expiresAt: null };
      bench.now += 1e10;
      assert.deepStrictEqual(await read(bench, id), [only]);
      const bare = await webhooks.endpoint();
      assert.deepStrictEqual(await read(bench, bare.id), []);
    },
  },
  {
    title: 'a rotated secret is live for the grace, and no longer',
    async run(bench) {
      const owner = tenantOwner('ä');
      const start = bench.now;
      const a = { value: 'whsec_YQ==', createdAt: start, expiresAt: null };
      assert.deepStrictEqual(await rotate(bench, { owner, secret: a.value }), [a]);
      bench.now += 10;
      const b = { value: 'whsec_Yg==', createdAt: bench.now, expiresAt: null };
      const both = [b, { ...a, expiresAt: bench.now + 1000 }];
      assert.deepStrictEqual(await rotate(bench, { owner, secret: b.value }), both);
      assert.deepStrictEqual(await read(bench, owner), both);
      bench.now += 999;
      assert.deepStrictEqual(await read(bench, owner), both);
      bench.now += 1;
      assert.deepStrictEqual(await read(bench, owner), [b]);
    },
  },
  {
    title: 'without grace the former secrets end at once',
    async run(bench) {
      const owner = tenantOwner('');
      await rotate(bench, { owner, secret: 'whsec_YQ==' });
      await rotate(bench, { owner, secret: 'whsec_Yg==' });
      const c = { value: 'whsec_Yw==', createdAt: bench.now, expiresAt: null };
      assert.deepStrictEqual(await rotate(bench, { owner, secret: c.value, graceMs: 0 }), [c]);
      assert.deepStrictEqual(await read(bench, owner), [c]);
    },
  },
  {
    title: 'a longer grace later does not lengthen the life of a secret',
    async run(bench) {
      const owner = tenantOwner('');
      await rotate(bench, { owner, secret: 'whsec_YQ==' });
      await rotate(bench, { owner, secret: 'whsec_Yg==', graceMs: 100 });
      const start = bench.now;
      bench.now += 50;
      const live = await rotate(bench, { owner, secret: 'whsec_Yw==', graceMs: 5_000 });
      assert.deepStrictEqual(
        live.map(({ expiresAt }) => expiresAt),
        [null, start + 5_050, start + 100],
      );
      bench.now += 5;
      const shorter = await rotate(bench, { owner, secret: 'whsec_ZA==', graceMs: 10 });
      assert.deepStrictEqual(
        shorter.map(({ expiresAt }) => expiresAt),
        [null, start + 65, start + 65, start + 65],
      );
    },
  },
  {
    title: 'beyond the limit of live secrets the oldest end at once, also within one millisecond',
    async run(bench) {
      const owner = tenantOwner('');
      const values = Array.from({ length: limits.secretsMax + 3 }, (_, i) => `whsec_${i}`);
      let live: WebhookSecret[] = [];
      for (const secret of values) live = await rotate(bench, { owner, secret });
      assert.deepStrictEqual(
        live.map(({ value }) => value),
        values.toReversed().slice(0, limits.secretsMax),
      );
      assert.deepStrictEqual(await read(bench, owner), live);
    },
  },
  {
    title: 'secrets that are over make room',
    async run(bench) {
      const owner = tenantOwner('');
      for (let i = 0; i < limits.secretsMax; i += 1) {
        await rotate(bench, { owner, secret: `whsec_${i}`, graceMs: 100 });
      }
      bench.now += 100;
      const live = await rotate(bench, { owner, secret: 'whsec_new' });
      assert.deepStrictEqual(
        live.map(({ value }) => value),
        ['whsec_new', `whsec_${limits.secretsMax - 1}`],
      );
    },
  },
  {
    title: 'owners share no secrets, whatever they are called',
    async run(bench) {
      const owners = [tenantOwner(''), tenantOwner('a'), tenantOwner('ep_1'), 'ep_1', 'tenant', ''];
      for (const [i, owner] of owners.entries()) {
        await rotate(bench, { owner, secret: `whsec_${i}` });
      }
      for (const [i, owner] of owners.entries()) {
        assert.deepStrictEqual(
          (await read(bench, owner)).map(({ value }) => value),
          [`whsec_${i}`],
        );
      }
    },
  },
];

async function read({ store, now }: StoreBench, owner: string): Promise<WebhookSecret[]> {
  return store.readSecrets({ owner, now });
}

async function rotate(
  { store, now }: StoreBench,
  p: { owner: string; secret: string; graceMs?: number },
): Promise<WebhookSecret[]> {
  return store.rotateSecret({ graceMs: 1000, now, ...p });
}
