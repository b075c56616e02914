import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore, type Fault } from './faulty-store.ts';
import { StoreBench } from './store-bench.ts';
import { exerciseStore } from './store-conformance.ts';

const unavailable = { name: 'RaincheckError', code: 'store_unavailable' };

describe('faulty store', () => {
  it('fails the nth call of the named verbs, and no other', async () => {
    const { bench, faulty } = wrapped({ nth: 2, when: 'before', verbs: ['createOperations'] });
    await bench.create();
    await bench.claim();
    await assert.rejects(bench.create(), unavailable);
    await bench.create();
    assert.equal(faulty.failures(), 1);
    assert.equal((await bench.list()).length, 2);
  });

  it('before: nothing has happened', async () => {
    const { bench } = wrapped({ nth: 1, when: 'before' });
    await assert.rejects(bench.create(), unavailable);
    assert.deepStrictEqual(await bench.list(), []);
  });

  it('after: the call took effect and only the answer is lost', async () => {
    const { bench } = wrapped({ nth: 1, when: 'after' });
    const idempotency = { scope: '', key: 'k', fingerprint: 'f', expiresAt: bench.now + 1000 };
    await assert.rejects(bench.create({ idempotency }), unavailable);
    const [operation] = await bench.list();
    assert.deepStrictEqual(await bench.submit({ idempotency }), { outcome: 'replayed', operation });
  });

  it('stays away until it is healed, and can be closed meanwhile', async () => {
    const { bench, faulty } = wrapped({ nth: 2, count: Infinity, when: 'before' });
    await bench.create();
    for (let i = 0; i < 3; i += 1) await assert.rejects(bench.store.ping(), unavailable);
    await assert.rejects(bench.readResult('op_x', 0, 1), unavailable);
    assert.equal(faulty.failures(), 4);
    faulty.heal();
    assert.equal((await bench.list()).length, 1);
    await bench.store.close();
    await assert.rejects(bench.store.ping(), unavailable);
  });

  it('ends a loop over every nth call with no failure', async () => {
    let nth = 1;
    for (; ; nth += 1) {
      const { bench, faulty } = wrapped({ nth, when: 'after' });
      await bench.completed().catch((error: Error) => assert.equal(error.name, 'RaincheckError'));
      if (faulty.failures() === 0) break;
    }
    // create, claim, settle, read
    assert.equal(nth, 5);
  });

  it('loses the answer of a verb of webhooks, and not what it did', async () => {
    const { bench, faulty } = wrapped({ nth: 2, when: 'after', verbs: ['claimDeliveries'] });
    const { webhooks } = bench;
    const to = await webhooks.endpoint();
    const [first, second] = await webhooks.createMany(to, 2);
    assert.deepStrictEqual(await webhooks.claimIds({ limit: 1 }), [first]);
    await assert.rejects(webhooks.claim({ limit: 1 }), unavailable);
    assert.deepStrictEqual(await webhooks.states(first!, second!), ['sending', 'sending']);
    assert.equal(faulty.failures(), 1);
    // The lease that nobody knows of expires, and the delivery is sent again.
    bench.now += webhooks.leaseMs;
    assert.equal((await webhooks.sweep()).changed.length, 2);
  });
});

/** Checks that each verb calls the verb of the same name. */
exerciseStore({
  name: 'a store whose fault has not come yet',
  async open() {
    const { store } = faultyStore(memoryStore(), { nth: Infinity, when: 'before' });
    return { store, close: () => store.close() };
  },
});

function wrapped(fault: Fault): { bench: StoreBench; faulty: ReturnType<typeof faultyStore> } {
  const faulty = faultyStore(memoryStore(), fault);
  return { faulty, bench: new StoreBench({ store: faulty.store, close: async () => {} }) };
}
