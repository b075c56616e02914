import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import type { Endpoint } from '../core/endpoint.ts';
import type { StoreBench } from '../testing/store-bench.ts';
import { failStatement } from './failing-statement.fixture.ts';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

/** Does `work` and has it undone, because its COMMIT finds no space. */
async function undone(work: () => Promise<unknown>): Promise<void> {
  const failing = failStatement({ nth: 'commit', with: 'full', when: 'before' });
  try {
    await assert.rejects(work(), { code: 'store_unavailable' });
  } finally {
    failing.stop();
  }
}

/** The registered endpoints that the outbox gets at the next end of an operation. */
async function registeredAt(bench: StoreBench): Promise<readonly Endpoint[]> {
  let told: readonly Endpoint[] = [];
  bench.outbox = (_operation, registered) => {
    told = registered;
    return [];
  };
  await bench.completed();
  bench.outbox = undefined;
  return told;
}

describe('what SQLite knows of endpoints without asking the file', () => {
  it('is read again after a commit that failed: registered endpoints', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { webhooks } = bench;
    await undone(() => webhooks.endpoint());
    assert.deepEqual(await registeredAt(bench), []);
    const kept = await webhooks.endpoint();
    assert.deepEqual(await registeredAt(bench), [kept]);
    await undone(() => webhooks.change(kept, { enabled: false }));
    assert.deepEqual(await registeredAt(bench), [kept]);
    await undone(() => webhooks.remove(kept));
    assert.deepEqual(await registeredAt(bench), [kept]);
    const changed = await webhooks.change(kept, { description: 'changed' });
    assert.deepEqual(await registeredAt(bench), [changed]);
    await bench.reopen!();
    assert.deepEqual(await registeredAt(bench), [changed]);
  });

  it('is read again after a commit that failed: the health that attempts gave', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { webhooks } = bench;
    const to = await webhooks.endpoint();
    const sending = await webhooks.sending(to);
    await undone(() => webhooks.fail(sending, bench.now));
    assert.deepEqual(await registeredAt(bench), [to]);
    await webhooks.fail(sending, bench.now);
    const [failing] = await registeredAt(bench);
    assert.equal(failing?.health.failures, 1);
    assert.deepEqual(failing, await webhooks.kept(to));
  });

  it('is read again after a commit that failed: attempts in flight and full origins', async (t) => {
    const { bench, look } = await openSqliteBench(t);
    const { webhooks } = bench;
    const url = (i: number): string => `https://one.example/${i}`;
    const ids: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      ids.push((await webhooks.create(await webhooks.endpoint({ url: url(i) }))).id);
    }
    const full = { originInFlightMax: 2 };
    const parked = (): unknown[] => look("SELECT count(*) FROM endpoints WHERE lane = 'parked'");
    await undone(() => webhooks.claim(full));
    assert.deepEqual(parked(), [0]);
    assert.deepEqual(await webhooks.claimIds(full), ids.slice(0, 2));
    assert.deepEqual(parked(), [2]);
    const first = await webhooks.record(ids[0]!);
    await undone(() => webhooks.deliver(first));
    assert.deepEqual(await webhooks.claimIds(full), [], 'the slot is not free');
    await webhooks.deliver(first);
    await undone(() => webhooks.claim(full));
    assert.deepEqual(parked(), [2]);
    assert.deepEqual(await webhooks.claimIds(full), [ids[2]]);
    await bench.reopen!();
    assert.deepEqual(await webhooks.claimIds(full), []);
    await webhooks.deliver(await webhooks.record(ids[1]!));
    assert.deepEqual(await webhooks.claimIds(full), [ids[3]]);
    assert.deepEqual(parked(), [0]);
  });

  it('keeps no more endpoints than a thousand, and finds the others again', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { webhooks } = bench;
    const many = Array.from({ length: 1_500 }, (_, i) =>
      webhooks.requestEndpoint(`https://e${i}.example/`),
    );
    await webhooks.add(...many.map((to) => webhooks.planned(to)));
    await webhooks.add(...many.map((to) => webhooks.planned(to)));
    const claimed: string[] = [];
    for (let claim = 0; claim < 2; claim += 1) {
      for (const { delivery, endpoint } of await webhooks.claim({ limit: 1_000 })) {
        assert.equal(delivery.endpointId, endpoint.id);
        claimed.push(endpoint.id);
      }
    }
    // The second delivery of each has been due for as long, and has a greater id.
    const inTurn = [...many, ...many].map(({ id }) => id);
    assert.deepEqual(claimed, inTurn.slice(0, 2_000));
    await bench.webhooks.assertSound();
  });
});
