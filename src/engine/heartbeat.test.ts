import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RaincheckError } from '../core/errors.ts';
import type { Progress } from '../core/operation.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate, untilAborted } from './engine.fixture.ts';
import type { TaskContext } from './task.ts';

/** A task that hands its context out and runs until it is told to end. */
function held() {
  const context = gate<TaskContext>();
  const work = gate<string>();
  const task = defineTask('held', {
    timeout: null,
    run(given) {
      context.open(given);
      return Promise.race([work.promise, untilAborted(given.signal)]);
    },
  });
  return { task, work, context: context.promise };
}

/** A store that records the progress it receives; `first` resolves when the first arrives. */
function recording(): { store: Store; sent: (Progress | null)[][]; first: Promise<void> } {
  const first = gate();
  const inner = memoryStore();
  const sent: (Progress | null)[][] = [];
  const store: Store = Object.create(inner, {
    extendLeases: {
      value: (p: Parameters<Store['extendLeases']>[0]) => {
        sent.push(p.leases.map(({ progress }) => progress));
        first.open();
        return inner.extendLeases(p);
      },
    },
  }) as Store;
  for (const verb of Object.getOwnPropertyNames(Object.getPrototypeOf(inner))) {
    if (verb === 'constructor' || verb === 'extendLeases') continue;
    const value: unknown = Reflect.get(inner, verb);
    if (typeof value === 'function')
      Object.defineProperty(store, verb, { value: value.bind(inner) });
  }
  return { store, sent, first: first.promise };
}

test('a long attempt keeps its lease for as long as it runs', async (t) => {
  const { task, work } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(2 * 60_000);
  const running = await f.read(id);
  assert.deepEqual([running.state, running.recoveries, running.attempt], ['running', 0, 1]);
  work.open('done');
  assert.equal((await f.final(id)).state, 'completed');
});

test('progress goes out at once, then the last one every 500 ms, and never falls', async (t) => {
  const { store, sent } = recording();
  const { task, context } = held();
  const f = await engineFixture(t, [task], { store });
  const { id } = await f.submit();
  const { progress } = await context;
  for (let i = 1; i <= 40; i += 1) progress({ current: i, total: 100 }, `step ${i}`);
  await f.clock.advance(0);
  const first = await f.read(id);
  assert.deepEqual([first.progress?.fraction, first.progress?.message], [0.4, 'step 40']);
  assert.equal(sent.length, 1);
  progress(0.6);
  progress(0.5);
  await f.clock.advance(499);
  assert.equal(sent.length, 1);
  await f.clock.advance(1);
  assert.equal(sent.length, 2);
  const second = await f.read(id);
  assert.deepEqual([second.progress?.fraction, second.progress?.message], [0.6, 'step 40']);
  await f.clock.advance(4_000);
  assert.equal(sent.length, 2, 'nothing new, nothing sent');
});

test('reports of many attempts in one turn share a call', async (t) => {
  const { store, sent } = recording();
  const all: TaskContext[] = [];
  const task = defineTask('held', {
    run(context) {
      all.push(context);
      return untilAborted(context.signal);
    },
  });
  const f = await engineFixture(t, [task], { store });
  for (let i = 0; i < 10; i += 1) await f.submit();
  await f.clock.advance(0);
  for (const { progress } of all) progress(0.1);
  await f.clock.advance(0);
  assert.deepEqual(
    sent.map((leases) => leases.length),
    [10],
  );
});

test('a progress report that is none is ignored', async (t) => {
  const { task, context, work } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  const { progress } = await context;
  const trap = new Proxy(
    {},
    {
      get: () => {
        throw new Error('trap');
      },
    },
  );
  for (const odd of [undefined, null, 'half', trap, NaN, { current: 1, total: 0 }]) {
    progress(odd as never);
    progress(0.1, odd as never);
  }
  work.open('done');
  assert.equal((await f.final(id)).state, 'completed');
});

test('a worker whose lease was taken aborts its handler and writes nothing', async (t) => {
  const { task, context } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  const { signal } = await context;
  // Another process found the lease expired, as after a long SIGSTOP of this one.
  await f.store.sweepExpired({
    now: f.clock.now() + 60_000,
    limit: 10,
    recoveriesMax: 3,
    workerDead: false,
  });
  const stolen = await f.store.claimOperations({
    worker: 'other',
    newToken: () => 'theirs',
    leaseMs: 60_000,
    limit: 1,
    tasks: [{ name: 'held', concurrency: null, keyConcurrency: null }],
    now: f.clock.now(),
  });
  assert.equal(stolen.claimed.length, 1);
  await f.clock.advance(5_000);
  assert.equal((signal.reason as RaincheckError).code, 'lease_lost');
  assert.match((signal.reason as RaincheckError).message, /lease was lost/);
  const after = await f.read(id);
  assert.deepEqual([after.state, after.lease?.token, after.recoveries], ['running', 'theirs', 1]);
});

test('a result that comes after the lease was taken is fenced off', async (t) => {
  const { task, work, context } = held();
  const f = await engineFixture(t, [task], { concurrency: 1 });
  const { id } = await f.submit();
  await context;
  const now = f.clock.now();
  await f.engine.setTaskPaused({ task: 'held', paused: true });
  await f.store.sweepExpired({ now, limit: 10, recoveriesMax: 3, workerDead: true });
  work.open('mine');
  await f.clock.advance(0);
  const after = await f.read(id);
  assert.deepEqual([after.state, after.result], ['ready', null]);
  assert.ok(f.lines.some(({ message }) => message.includes('fenced off')));
});

test('after a blocked event loop the leases of this process are extended before it sweeps', async (t) => {
  const { task, work } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  f.clock.stall(120_000); // nothing ran meanwhile
  await f.clock.advance(2_000);
  const running = await f.read(id);
  assert.deepEqual([running.state, running.recoveries], ['running', 0]);
  work.open('done');
  assert.equal((await f.final(id)).state, 'completed');
});

test('a heartbeat that fails is tried again in time, and the outage is logged once', async (t) => {
  const faulty = faultyStore(memoryStore(), {
    nth: 1,
    count: Infinity,
    when: 'before',
    verbs: ['extendLeases'],
  });
  const { task, work } = held();
  const f = await engineFixture(t, [task], { store: faulty.store });
  const { id } = await f.submit();
  await f.clock.advance(60_000);
  assert.equal(
    (await f.read(id)).recoveries,
    0,
    'nothing is swept while own leases cannot be kept',
  );
  const errors = f.lines.filter(({ level }) => level === 'error');
  assert.deepEqual(errors.map(({ message }) => message).toSorted(), [
    'Cannot extend leases; trying again.',
    'Cannot sweep expired operations; trying again.',
  ]);
  faulty.heal();
  await f.clock.advance(5_000);
  assert.deepEqual(
    f.lines.filter(({ message }) => message.startsWith('Can ')).map(({ message }) => message),
    ['Can sweep expired operations again.', 'Can extend leases again.'],
  );
  work.open('done');
  assert.equal((await f.final(id)).state, 'completed');
});

test('the last progress is recorded with the end, however soon it comes', async (t) => {
  const { store, first } = recording();
  const task = defineTask('brief', {
    async run({ progress }) {
      progress(0.1, 'first');
      await first; // that report is on its way, the next must wait its turn
      progress({ current: 3, total: 3 }, 'last');
      return null;
    },
  });
  const f = await engineFixture(t, [task], { store });
  const done = await f.final((await f.submit()).id);
  assert.deepEqual([done.progress?.fraction, done.progress?.message], [1, 'last']);
});
