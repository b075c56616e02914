import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

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
});
