import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from '../core/operation.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate } from './engine.fixture.ts';

/** A memory store that counts claims, and whose accepts wait for `accepts` if that is given. */
function watched(accepts?: Promise<void>): {
  store: Store;
  asked: Promise<void>;
  claimed: () => number;
} {
  const asked = gate();
  const inner = memoryStore();
  const { store } = faultyStore(inner, { nth: Infinity, when: 'before' });
  let claimed = 0;
  return {
    asked: asked.promise,
    claimed: () => claimed,
    store: {
      ...store,
      createOperations: async (p) => {
        const outcomes = await inner.createOperations(p);
        asked.open();
        await accepts;
        return outcomes;
      },
      claimOperations: async (p) => {
        const outcome = await inner.claimOperations(p);
        claimed += outcome.claimed.length;
        return outcome;
      },
    },
  };
}

test('what can run at once runs by the commit that accepts it, behind its 202', async (t) => {
  const { store, claimed } = watched();
  const order: string[] = [];
  const task = defineTask('plain', { run: ({ operation }) => void order.push(operation.id) });
  const f = await engineFixture(t, [task], { store });
  await f.clock.advance(0);
  const operation = await f.submit();
  assert.deepEqual([operation.state, operation.attempt, operation.version], ['running', 1, 2]);
  assert.deepEqual(order, [], 'its 202 can go out first');
  assert.equal((await f.final(operation.id)).state, 'completed');
  assert.deepEqual([order, claimed()], [[operation.id], 0]);
});

test('with more than there are slots for, none runs beside the slots and none passes another', async (t) => {
  const { store, claimed } = watched();
  const begun: number[] = [];
  const gates = [0, 1, 2, 3, 4, 5].map(() => ({ begun: gate(), held: gate() }));
  let [most, busy] = [0, 0];
  const task = defineTask('held', {
    run: async ({ input }) => {
      begun.push(input as number);
      busy += 1;
      most = Math.max(most, busy);
      gates[input as number]?.begun.open();
      await gates[input as number]?.held.promise;
      busy -= 1;
    },
  });
  const f = await engineFixture(t, [task], { store, concurrency: 2 });
  await f.clock.advance(0);
  const all: Operation[] = [];
  const submit = async (n: number): Promise<void> => {
    all.push(await f.submit(n));
    await f.clock.advance(1); // in order also among those that wait
  };
  for (const n of [0, 1, 2, 3, 4]) await submit(n);
  for (const [n, one] of gates.entries()) {
    await one.begun.promise;
    if (n === 2) await submit(5);
    one.held.open();
  }
  for (const { id } of all) assert.equal((await f.final(id)).state, 'completed');
  assert.deepEqual(begun, [0, 1, 2, 3, 4, 5]);
  assert.equal(most, 2);
  assert.ok(claimed() >= 3, 'those that had to wait were claimed');
});

test('a look at the queue leaves most slots to what is accepted meanwhile', async (t) => {
  const { store: inner } = watched();
  const [looks, answered] = [gate(), gate()];
  let isSlow = false;
  const store: Store = {
    ...inner,
    claimOperations: async (p) => {
      if (isSlow) {
        looks.open();
        await answered.promise;
      }
      return inner.claimOperations(p);
    },
  };
  const held = gate();
  const task = defineTask('held', { run: () => held.promise });
  const f = await engineFixture(t, [task], { store, concurrency: 8 });
  await f.clock.advance(0);
  isSlow = true;
  await f.clock.advance(60_000);
  await looks.promise;
  const accepted: Operation[] = [];
  for (let i = 0; i < 8; i += 1) accepted.push(await f.submit());
  assert.deepEqual(
    accepted.map(({ state }) => state),
    [...Array.from({ length: 7 }, () => 'running'), 'ready'],
  );
  answered.open();
  held.open();
  for (const { id } of accepted) assert.equal((await f.final(id)).state, 'completed');
});

test('tasks with a limit are left to claims', async (t) => {
  const { store } = watched();
  const task = defineTask('single', { concurrency: 1, run: () => 1 });
  const f = await engineFixture(t, [task], { store });
  await f.clock.advance(0);
  const { id, state } = await f.submit();
  assert.equal(state, 'ready');
  assert.equal((await f.final(id)).state, 'completed');
});

test('a stop waits for what is being accepted, and for its end', async (t) => {
  const accepts = gate();
  const { store, asked } = watched(accepts.promise);
  const [begun, held] = [gate(), gate()];
  const task = defineTask('held', {
    run: () => {
      begun.open();
      return held.promise;
    },
  });
  const f = await engineFixture(t, [task], { store });
  await f.clock.advance(0);
  const submitted = f.submit();
  await asked;
  let stopped = false;
  const stop = f.engine.stop({ drainMs: 60_000 }).then(() => (stopped = true));
  accepts.open();
  const { id } = await submitted;
  await begun.promise;
  assert.equal(stopped, false);
  held.open();
  await stop;
  assert.equal((await store.readOperation({ id }))?.state, 'completed');
});
