import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

describe('an endpoint with more waiting than one commit changes', () => {
  it('is off at once; the sweeps hold the rest, and release it when it is on again', async (t) => {
    const { bench, look } = await openSqliteBench(t);
    const { webhooks } = bench;
    const states = (): unknown[] =>
      look("SELECT state || ' ' || count(*) FROM deliveries GROUP BY state ORDER BY state");
    const to = await webhooks.endpoint();
    await webhooks.createMany(to, 20_030);
    await webhooks.change(to, { enabled: false });
    assert.deepEqual(states(), ['held 20000', 'pending 30']);
    assert.deepEqual(await webhooks.claimIds(), []);
    assert.deepEqual(await webhooks.sweep({ limit: 20 }).then(tally), [20, 'held', true]);
    await bench.reopen!();
    assert.deepEqual(await webhooks.claimIds(), []);
    assert.deepEqual(await webhooks.sweep({ limit: 20 }).then(tally), [10, 'held', false]);
    assert.deepEqual(states(), ['held 20030']);

    await webhooks.change(to, { enabled: true });
    assert.deepEqual(states(), ['held 30', 'pending 20000']);
    const [sending] = await webhooks.claim({ endpointInFlightMax: 1 });
    assert.deepEqual(await webhooks.sweep().then(tally), [30, 'pending', false]);
    await webhooks.remove(to);
    assert.deepEqual(states(), ['cancelled 20000', 'pending 29', 'sending 1']);
    assert.deepEqual(await webhooks.claimIds(), []);
    await webhooks.fail(sending!.delivery, bench.now);
    assert.deepEqual(await webhooks.sweep().then(tally), [29, 'cancelled', false]);
    assert.deepEqual(states(), ['cancelled 20030']);
  });
});

function tally(p: {
  readonly changed: readonly { readonly state: string }[];
  readonly more: boolean;
}): [number, string, boolean] {
  return [p.changed.length, [...new Set(p.changed.map(({ state }) => state))].join(), p.more];
}
