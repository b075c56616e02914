import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { StoreBench } from '../testing/store-bench.ts';
import { failStatement } from './failing-statement.fixture.ts';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

/** A commit fails: what is kept in memory is read anew. */
async function rollBack({ store }: StoreBench): Promise<void> {
  const commit = failStatement({ nth: 'commit', with: 'full', when: 'before' });
  await assert.rejects(store.ping(), { code: 'store_unavailable' });
  commit.stop();
}

const full = { originInFlightMax: 2 } as const;

describe('claims of deliveries in SQLite', () => {
  it('pass over the endpoints of a full origin once, however many, and then no more', async (t) => {
    const { bench, look } = await openSqliteBench(t);
    const { webhooks } = bench;
    const parked = (): unknown[] => look("SELECT count(*) FROM endpoints WHERE lane = 'parked'");
    const crowd = Array.from({ length: 2_500 }, (_, i) =>
      webhooks.requestEndpoint(`https://crowded.example/${i}`),
    );
    await webhooks.add(...crowd.map((to) => webhooks.planned(to)));
    bench.now += 1;
    const quiet = webhooks.requestEndpoint('https://quiet.example/');
    const { id } = await webhooks.create(quiet);
    const first = await webhooks.ask(full);
    assert.deepEqual(
      first.claimed.map(({ endpoint }) => endpoint.id),
      crowd.slice(0, 2).map((to) => to.id),
    );
    assert.equal(first.nextDueAt, bench.now, 'ask again at once');
    let asked = 1;
    for (let claimed: string[] = []; !claimed.includes(id); asked += 1) {
      assert.ok(asked < 4, 'a thousand endpoints a claim');
      claimed = await webhooks.claimIds(full);
    }
    assert.deepEqual(parked(), [2_498]);
    // From now on they hold up no other endpoint, and are claimed in order as slots become free.
    const { id: second } = await webhooks.create(quiet);
    const { claimed, nextDueAt } = await webhooks.ask(full);
    assert.deepEqual([claimed.map(({ delivery }) => delivery.id), nextDueAt], [[second], null]);
    for (let i = 2; i < 6; i += 1) {
      const [done] = await webhooks.list({ states: ['sending'], endpointId: crowd[i - 2]!.id });
      await webhooks.deliver(done!);
      const [next] = await webhooks.claim(full);
      assert.equal(next?.endpoint.id, crowd[i]!.id);
    }
    assert.deepEqual(parked(), [2_494]);
  });

  it('leave a delivery that was created for later than they were asked for', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { webhooks } = bench;
    const to = webhooks.requestEndpoint('https://r.example/');
    assert.deepEqual(await webhooks.claimIds(), []); // it looks at everything once
    const { id } = await webhooks.create(to);
    // One commit: the claim is asked for first, at an earlier instant, and runs last.
    let tokens = 0;
    const claiming = bench.store.claimDeliveries({
      worker: 'w1',
      newToken: () => `token-${(tokens += 1)}`,
      leaseMs: 10_000,
      limit: 100,
      endpointInFlightMax: 4,
      originInFlightMax: 16,
      now: bench.now,
    });
    bench.now += 1;
    const later = await webhooks.create(to);
    const { claimed } = await claiming;
    assert.deepEqual([claimed.map(({ delivery }) => delivery.id), tokens], [[id], 1]);
    assert.deepEqual(await webhooks.claimIds(), [later.id]);
  });

  // What is unwritten of an endpoint's place is forgotten by a rollback.
  it('spend no slot of an origin on an endpoint that has nothing left, after a rollback', async (t) => {
    const { bench, change } = await openSqliteBench(t);
    const { webhooks } = bench;
    const one = { originInFlightMax: 1 } as const;
    const [first, second] = [1, 2].map((i) => webhooks.requestEndpoint(`https://one.example/${i}`));
    await webhooks.create(first!);
    const [claimed] = await webhooks.claim(one);
    bench.now += 1;
    const { id } = await webhooks.create(second!);
    change(
      `UPDATE endpoints SET lane = 'open', first_at = 1, first_id = 'msg' WHERE lane = 'idle'`,
    );
    await rollBack(bench);
    assert.deepEqual(await webhooks.claimIds(one), []);
    await webhooks.deliver(claimed!.delivery);
    assert.deepEqual(await webhooks.claimIds(one), [id]);
  });

  it('come in time to a delivery whose plan changed before a rollback', async (t) => {
    const { bench, change } = await openSqliteBench(t);
    const { webhooks } = bench;
    const { id } = await webhooks.create(webhooks.requestEndpoint('https://r.example/'));
    const [claimed] = await webhooks.claim();
    await webhooks.fail(claimed!.delivery, bench.now + 5_000);
    change('UPDATE endpoints SET first_at = first_at + 1000');
    await rollBack(bench);
    assert.equal(await webhooks.nextDueAt(), bench.now + 5_000);
    bench.now += 5_000;
    assert.deepEqual(await webhooks.claimIds(), [id]);
  });

  it('let no new delivery overtake those that wait behind a hundred expired ones', async (t) => {
    for (const expired of [98, 100]) {
      const { bench } = await openSqliteBench(t);
      const { webhooks } = bench;
      const to = await webhooks.endpoint();
      await webhooks.createMany(to, expired, { expiresAt: bench.now + 5 });
      const waiting = await webhooks.createMany(to, 6);
      bench.now += 10;
      const claimed: string[] = [];
      for (let i = 0; i < 3; i += 1) {
        claimed.push(...(await webhooks.claimIds({ limit: 3 })));
        const { id } = await webhooks.create(to);
        waiting.push(id);
        if (i > 0) bench.now += 1;
      }
      assert.deepEqual(claimed, waiting.slice(0, claimed.length));
      await webhooks.sweep();
      claimed.push(...(await webhooks.claimIds({ limit: 20, endpointInFlightMax: 20 })));
      assert.deepEqual(claimed, waiting);
    }
  });
});
