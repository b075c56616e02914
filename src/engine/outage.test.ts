import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore, type Fault, type StoreVerb } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';
import { collectingLogger, engineFixture, gate } from './engine.fixture.ts';

function faulty(verbs: StoreVerb[], when: Fault['when'], p: { nth?: number; count?: number } = {}) {
  return faultyStore(memoryStore(), { nth: 1, count: Infinity, ...p, when, verbs });
}

for (const when of ['before', 'after'] as const) {
  test(`a result is not dropped while the store is away (fails ${when} the commit)`, async (t) => {
    const store = faulty(['settleAttempts'], when);
    let runs = 0;
    const task = defineTask('once', { run: () => (runs += 1) });
    const f = await engineFixture(t, [task], { store: store.store });
    const { id } = await f.submit();
    await f.clock.advance(60_000); // four leases long
    assert.equal((await f.read(id)).state, when === 'before' ? 'running' : 'completed');
    store.heal();
    await f.clock.advance(2_000);
    const done = await f.read(id);
    assert.deepEqual([done.state, done.result?.inline, done.recoveries], ['completed', '1', 0]);
    assert.equal(runs, 1);
    const errors = f.lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      errors.map(({ message }) => message),
      ['Cannot record how attempts ended; trying again.'],
      'an outage is logged once',
    );
  });
}

test('results that cannot be recorded keep their slots: memory stays bounded', async (t) => {
  const store = faulty(['settleAttempts'], 'before');
  let runs = 0;
  const task = defineTask('once', { run: () => (runs += 1) });
  const f = await engineFixture(t, [task], { store: store.store, concurrency: 3 });
  for (let i = 0; i < 20; i += 1) await f.submit();
  await f.clock.advance(60_000);
  assert.ok(
    runs <= 6,
    `${runs} ran: the first three, and three in slots that were free for a moment`,
  );
  store.heal();
  await f.clock.advance(10_000);
  const [record] = await f.engine.taskRecords();
  assert.deepEqual([record?.completed, runs], [20, 20]);
});

test('a result that the store refuses for itself fails the operation in words', async (t) => {
  const inner = memoryStore();
  const { store } = faultyStore(inner, { nth: Infinity, when: 'before' });
  const refusing = {
    ...store,
    settleAttempts: (p: Parameters<typeof store.settleAttempts>[0]) =>
      p.settlements[0]?.type === 'completed'
        ? Promise.reject(new Error('unsupported Unicode escape sequence'))
        : inner.settleAttempts(p),
  };
  const task = defineTask('odd', { run: () => 'odd' });
  const f = await engineFixture(t, [task], { store: refusing });
  const { id } = await f.submit();
  await f.clock.advance(10_000);
  const done = await f.read(id);
  assert.deepEqual([done.error?.code, done.attempt], ['result_invalid', 1]);
});

test('claims go on after an outage that is logged once', async (t) => {
  const store = faulty(['claimOperations'], 'before');
  const task = defineTask('plain', { run: () => 1 });
  const f = await engineFixture(t, [task], { store: store.store });
  const { id } = await f.submit();
  await f.clock.advance(30_000);
  assert.equal((await f.read(id)).state, 'ready');
  store.heal();
  await f.clock.advance(1_000);
  assert.equal((await f.read(id)).state, 'completed');
  assert.deepEqual(
    f.lines
      .filter(({ message }) => /claim/.test(message))
      .map(({ level, message }) => [level, message]),
    [
      ['error', 'Cannot claim operations; trying again.'],
      ['info', 'Can claim operations again.'],
    ],
  );
});

test('a claim whose answer was lost is recovered when its lease expires', async (t) => {
  const store = faulty(['claimOperations'], 'after', { nth: 2, count: 1 });
  const task = defineTask('plain', { concurrency: 1, run: () => 1 });
  const f = await engineFixture(t, [task], { store: store.store });
  await f.clock.advance(0);
  const { id } = await f.submit();
  await f.clock.advance(14_000);
  assert.equal((await f.read(id)).state, 'running');
  await f.clock.advance(2_000);
  const done = await f.read(id);
  assert.deepEqual([done.state, done.attempt, done.recoveries], ['completed', 1, 1]);
});

for (const when of ['before', 'after'] as const) {
  test(`what may have been claimed at accept is handed back (fails ${when} the commit)`, async (t) => {
    const store = faulty(['createOperations', 'settleAttempts'], when, { nth: 1, count: 3 });
    let runs = 0;
    const task = defineTask('plain', { run: () => (runs += 1) });
    const f = await engineFixture(t, [task], { store: store.store, concurrency: 1 });
    await f.clock.advance(0);
    const idempotency = { key: 'k', fingerprint: 'f' };
    await assert.rejects(f.submit(null, { idempotency }), { code: 'store_unavailable' });
    assert.equal(runs, 0);
    store.heal();
    await f.clock.advance(1_000);
    const { id } = await f.submit(null, { idempotency });
    await f.clock.advance(0);
    const done = await f.final(id);
    assert.deepEqual([done.state, done.attempt, done.recoveries], ['completed', 1, 0]);
    assert.equal(runs, 1);
  });
}

test('a start with the store away says so and can be repeated', async (t) => {
  const store = faulty(['sweepExpired'], 'before', { count: 1 });
  const task = defineTask('plain', { run: () => 1 });
  const f = await engineFixture(t, [task], { store: store.store, start: false });
  await assert.rejects(f.engine.start(), { code: 'store_unavailable' });
  await f.engine.start();
  assert.equal((await f.final((await f.submit()).id)).state, 'completed');
});

/**
 * SQLite's method: the 1st, 2nd, 3rd … store call fails, until a run needs no more calls. With a
 * client that repeats its request under its key, and an engine that lives on, every operation ends
 * once, and every result comes from an attempt that was counted.
 */
for (const when of ['before', 'after'] as const) {
  test(`with the nth store call failing ${when} it took effect, nothing is lost and nothing doubled`, async () => {
    for (let nth = 1; ; nth += 1) {
      const failures = await scenario({ nth, when });
      if (failures === 0) {
        assert.ok(nth > 20, `the loop ended after ${nth} calls: does it reach the store?`);
        return;
      }
    }
  });
}

async function scenario(p: { nth: number; when: Fault['when'] }): Promise<number> {
  const clock = new ManualClock();
  const faulty = faultyStore(memoryStore(), p);
  const runs = new Map<string, number>();
  const task = defineTask('work', {
    retry: { base: 100 },
    async run({ input, attempt, progress, operation }) {
      runs.set(operation.id, (runs.get(operation.id) ?? 0) + 1);
      progress(0.5);
      await clock.sleep(1_000);
      if (input === 'flaky' && attempt === 1) throw new Error('once');
      return input;
    },
  });
  const { logger } = collectingLogger();
  const engine = createEngine({
    store: faulty.store,
    clock,
    logger,
    tasks: [task],
    lease: '2s',
    random: () => 0.5,
  });
  await repeated(() => engine.start());
  const inputs = ['plain', 'flaky', 'plain'];
  const ids = [];
  for (const [i, value] of inputs.entries()) {
    const { operation } = await repeated(() =>
      engine.submit({
        task: 'work',
        tenant: '',
        input: { value, text: JSON.stringify(value) },
        idempotency: { key: String(i), fingerprint: value },
      }),
    );
    ids.push(operation.id);
  }
  await clock.advance(12_000);
  for (const [i, id] of ids.entries()) {
    const done = await repeated(() => engine.read({ id, tenant: '' }));
    const about = `call ${p.nth} ${p.when}, operation ${i}`;
    assert.deepEqual(
      [done.state, done.result?.inline],
      ['completed', JSON.stringify(inputs[i])],
      about,
    );
    assert.ok((runs.get(id) ?? 0) <= done.attempt + done.recoveries, about);
  }
  const page = await repeated(() => engine.list({ filter: {}, limit: 10, beforeId: null }));
  assert.equal(page.operations.length, inputs.length, 'a repeated submit made no second operation');
  const stopping = engine.stop();
  await clock.advance(20_000);
  await stopping;
  return faulty.failures();
}

/** A client's reaction to a 503. */
async function repeated<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    assert.ok(error instanceof RaincheckError && error.code === 'store_unavailable', String(error));
    return call();
  }
}

test('user code that throws in odd places becomes a task_error, never a crash', async (t) => {
  const opened = gate();
  const task = defineTask('odd', {
    attempts: 1,
    run({ input, signal, log }) {
      if (input === 'thenable') {
        const throws = (): never => {
          throw new Error('bad thenable');
        };
        return new Proxy({}, { get: throws });
      }
      if (input === 'log') {
        log.info(Symbol('s') as never, {
          get a() {
            throw new Error('bad field');
          },
        });
        return 'logged';
      }
      signal.addEventListener('abort', () => opened.open());
      throw new Error('sync');
    },
  });
  const f = await engineFixture(t, [task]);
  assert.equal((await f.final((await f.submit('thenable')).id)).error?.detail, 'bad thenable');
  assert.equal((await f.final((await f.submit('log')).id)).result?.inline, '"logged"');
  assert.equal((await f.final((await f.submit('sync')).id)).error?.detail, 'sync');
});
