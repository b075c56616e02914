import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

const mebibyte = 1_048_576;

describe('removal of deliveries', () => {
  it('leaves no row behind: bodies, attempts, endpoints, secrets', async (t) => {
    const { bench, look } = await openSqliteBench(t);
    const { webhooks, store } = bench;
    const tables = ['deliveries', 'delivery_bodies', 'delivery_attempts', 'endpoints'];
    const rows = () => look([...tables, 'webhook_secrets'].map(countOf).join(' UNION ALL '));
    const removed = await webhooks.endpoint({}, 'whsec_MQ==');
    const to = webhooks.requestEndpoint('https://r.example.com/cb');
    await webhooks.dead(to);
    await webhooks.deliver(await webhooks.sending(to));
    await webhooks.deliver(await webhooks.sending(removed));
    const { now } = bench;
    await store.rotateSecret({ owner: to.id, secret: 'whsec_Mg==', graceMs: 0, now });
    await store.rotateSecret({ owner: 'tenant:', secret: 'whsec_Mw==', graceMs: 0, now });
    await store.rotateSecret({ owner: 'tenant:', secret: 'whsec_NA==', graceMs: 5, now });
    await webhooks.remove(removed);
    assert.deepEqual(rows(), [3, 3, 3, 2, 3]);
    bench.now += limits.deliveryMs;
    assert.deepEqual(tally(await bench.prune()), [2, 0], 'the removed one does not count');
    assert.deepEqual(rows(), [1, 1, 1, 1, 2], 'the dead letter, and what lives of the secrets');
    bench.now += limits.deadLetterMs;
    assert.deepEqual(tally(await bench.prune()), [1, 1]);
    assert.deepEqual(rows(), [0, 0, 0, 0, 1]);
    await webhooks.create(to, { body: '"of a row used again"' });
    assert.equal((await webhooks.claim())[0]?.body, '"of a row used again"');
  });

  it('lets others write after every 16 MiB', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { webhooks } = bench;
    const to = await webhooks.endpoint();
    const body = JSON.stringify('x'.repeat(mebibyte));
    for (let i = 0; i < 40; i += 1) {
      const { id } = await webhooks.create(to, { body });
      await webhooks.discard(id);
    }
    bench.now += limits.deliveryMs;
    const over = bench.prune().then((pruned) => pruned.deliveries);
    const ping = (): Promise<void> => bench.store.ping();
    let commits = 0;
    for (;;) {
      const first = await Promise.race([over, ping()]);
      if (first !== undefined) {
        assert.equal(first, 40);
        break;
      }
      commits += 1;
    }
    assert.ok(commits >= 3, `${commits} commits beside`);
  });
});

function countOf(table: string): string {
  return `SELECT count(*) FROM ${table}`;
}

function tally(pruned: {
  readonly deliveries: number;
  readonly endpoints: number;
}): [number, number] {
  return [pruned.deliveries, pruned.endpoints];
}
