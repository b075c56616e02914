import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RaincheckError } from '../core/errors.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate, untilAborted } from './engine.fixture.ts';

function held() {
  const work = gate<string>();
  const signals: AbortSignal[] = [];
  const task = defineTask('held', {
    run({ signal }) {
      signals.push(signal);
      return Promise.race([work.promise, untilAborted(signal)]);
    },
  });
  return { task, work, signals };
}

test('a stop waits for what runs and refuses what comes', async (t) => {
  const { task, work, signals } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  let stopped = false;
  const stopping = f.engine.stop().then(() => (stopped = true));
  await assert.rejects(f.submit(), { code: 'shutting_down' });
  await assert.rejects(f.engine.ready(), { code: 'shutting_down' });
  await f.clock.advance(9_999);
  assert.equal(stopped, false);
  assert.equal((await f.read(id)).state, 'running', 'reads are still answered');
  work.open('done');
  await stopping;
  assert.equal((await f.read(id)).state, 'completed');
  assert.equal(signals[0]?.aborted, false);
  assert.equal(f.clock.sleepers, 0, 'nothing is left that keeps the process alive');
  await assert.rejects(f.engine.start(), { code: 'shutting_down' });
});

test('what still runs after the drain time is aborted and handed back uncounted', async (t) => {
  const { task, signals } = held();
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  const stopping = f.engine.stop({ drainMs: 2_000 });
  await f.clock.advance(2_000);
  await stopping;
  assert.equal((signals[0]!.reason as RaincheckError).code, 'shutting_down');
  const back = await f.read(id);
  assert.deepEqual([back.state, back.attempt, back.recoveries], ['ready', 0, 0]);
  assert.equal(f.clock.sleepers, 0);
  const next = held();
  next.work.open('again');
  const g = await engineFixture(t, [next.task], { store: f.store, clock: f.clock });
  assert.deepEqual(
    [(await g.final(id)).result?.inline, (await g.read(id)).attempt],
    ['"again"', 1],
  );
});

test('a handler that ignores the stop is left behind after the grace', async (t) => {
  const work = gate<string>();
  const task = defineTask('deaf', { run: () => work.promise });
  const f = await engineFixture(t, [task], { grace: '3s' });
  const { id } = await f.submit();
  await f.clock.advance(0);
  const stopping = f.engine.stop({ drainMs: 1_000 });
  await f.clock.advance(3_999);
  assert.equal((await f.read(id)).state, 'running');
  await f.clock.advance(1);
  await stopping;
  assert.equal((await f.read(id)).state, 'ready');
  work.open('late');
  await f.clock.advance(0);
  assert.equal((await f.read(id)).state, 'ready', 'its late result changes nothing');
});

test('a result that comes during the stop counts', async (t) => {
  const work = gate<string>();
  const task = defineTask('deaf', { run: () => work.promise });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  const stopping = f.engine.stop({ drainMs: 1_000 });
  await f.clock.advance(2_000);
  work.open('just in time');
  await stopping;
  assert.equal((await f.read(id)).result?.inline, '"just in time"');
});

test('a second stop with now cuts the first one short', async (t) => {
  const task = defineTask('deaf', { run: () => new Promise(() => undefined) });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  const first = f.engine.stop();
  await f.clock.advance(500);
  await f.engine.stop({ now: true }); // the clock stands still
  await first;
  assert.equal((await f.read(id)).state, 'ready');
});

test('a stop with the store gone ends all the same', async (t) => {
  const faulty = faultyStore(memoryStore(), {
    nth: 1,
    count: Infinity,
    when: 'before',
    verbs: ['settleAttempts'],
  });
  const { task } = held();
  const f = await engineFixture(t, [task], { store: faulty.store });
  const { id } = await f.submit();
  await f.clock.advance(0);
  const stopping = f.engine.stop({ drainMs: 0 });
  await f.clock.advance(5_000);
  await stopping;
  assert.equal((await f.read(id)).state, 'running');
  assert.equal(f.clock.sleepers, 0, 'nothing is tried any more');
  faulty.heal();
  const next = held();
  next.work.open('recovered');
  const g = await engineFixture(t, [next.task], { store: f.store, clock: f.clock });
  const done = await g.final(id);
  assert.deepEqual([done.result?.inline, done.recoveries], ['"recovered"', 1]);
});

test('a start recovers at once what a dead process held', async (t) => {
  const { task } = held();
  const f = await engineFixture(t, [task], { start: false });
  const { id } = await f.submit();
  await f.store.claimOperations({
    worker: 'dead',
    newToken: () => 'dead',
    leaseMs: 15_000,
    limit: 1,
    tasks: [{ name: 'held', concurrency: null, keyConcurrency: null }],
    now: f.clock.now(),
  });
  const next = held();
  next.work.open('again');
  const g = await engineFixture(t, [next.task], { store: f.store, clock: f.clock });
  const done = await g.final(id);
  assert.deepEqual([done.state, done.attempt, done.recoveries], ['completed', 1, 1]);
});

test('starting and stopping twice is once', async (t) => {
  let sweeps = 0;
  const store = new Proxy(memoryStore(), {
    get(inner, verb) {
      const value: unknown = Reflect.get(inner, verb);
      if (typeof value !== 'function') return value;
      if (verb === 'sweepExpired') sweeps += 1;
      return value.bind(inner) as unknown;
    },
  });
  const { task } = held();
  const f = await engineFixture(t, [task], { store });
  const { sleepers } = f.clock;
  assert.ok(sleepers > 0, 'its loops wait');
  await f.engine.start();
  assert.equal(sweeps, 1, 'former processes are recovered from once');
  assert.equal(f.clock.sleepers, sleepers, 'no loop runs twice');
  await f.engine.stop();
  await f.engine.stop();
  assert.equal(f.clock.sleepers, 0);
});

test('an engine that was never started stops, and holds no timer', async (t) => {
  const { task } = held();
  const f = await engineFixture(t, [task], { start: false });
  await f.submit();
  assert.equal(f.clock.sleepers, 0);
  await f.engine.stop();
});

test('what has expired is removed within a minute or so', async (t) => {
  const { task, work } = held();
  work.open('done');
  const f = await engineFixture(t, [task], { poll: '60s', lease: '1h' });
  const { id } = await f.submit();
  const done = await f.final(id);
  f.clock.stall(done.retentionMs);
  await f.clock.advance(61_000);
  await assert.rejects(f.read(id), { code: 'operation_gone' });
});
