import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RaincheckError, TaskError } from '../core/errors.ts';
import type { StatsBucket } from '../core/stats-ring.ts';
import { isFinal } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import type { FinishedOperation } from './activity.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';
import { collectingLogger, engineFixture, untilAborted } from './engine.fixture.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { statsWindows, type StatsWindow } from './stats.ts';

const json = (value: unknown) => ({ value, text: JSON.stringify(value) });

type Totals = { submitted: number; completed: number; failed: Record<string, number> };

async function totals(engine: Engine, window: StatsWindow = '1h'): Promise<Totals> {
  const { buckets } = await engine.stats(window);
  const sum: Totals = { submitted: 0, completed: 0, failed: {} };
  for (const { bucket } of buckets) {
    sum.submitted += bucket.submitted;
    sum.completed += bucket.completed;
    for (const [code, count] of bucket.failedByCode) {
      sum.failed[code] = (sum.failed[code] ?? 0) + count;
    }
  }
  return sum;
}

const tasks = [
  defineTask('echo', { run: ({ input }) => input }),
  defineTask('broken', {
    attempts: 2,
    retry: { base: '1s', cap: '1s' },
    run() {
      throw new TaskError('No paper.');
    },
  }),
  defineTask('slow', { timeout: '1m', attempts: 1, run: ({ signal }) => untilAborted(signal) }),
  defineTask('queued', {
    queueTimeout: '10s',
    concurrency: 1,
    run: ({ signal }) => untilAborted(signal),
  }),
];

test('every end is counted once, whichever way it came, as the counters of the store have it', async (t) => {
  const told: FinishedOperation[] = [];
  const observer = {
    submitted: () => undefined,
    started: () => undefined,
    finished: (p: FinishedOperation) => void told.push(p),
  };
  const f = await engineFixture(t, tasks, { observer });
  const submit = (task: string, more = {}) => f.submit({ n: 1 }, { task, ...more });
  const echo = await submit('echo', { idempotency: { key: 'k', fingerprint: 'x' } });
  await f.final(echo.id);
  await submit('echo', { idempotency: { key: 'k', fingerprint: 'x' } });
  const broken = await submit('broken');
  await f.clock.advance('2s');
  await f.final(broken.id);
  await f.engine.retry({ id: broken.id, tenant: '', input: json(2) });
  await f.clock.advance('2s');
  const [running, timed] = [await submit('slow'), await submit('slow')];
  const pending = await submit('echo', { notBefore: f.clock.now() + 60_000 });
  await submit('queued');
  await submit('queued');
  await f.clock.advance(10);
  for (const { id } of [running, pending]) await f.engine.cancel({ id, tenant: '' });
  await f.clock.advance('2m');
  await f.final(timed.id);
  const late = await submit('broken', { deadlineAt: f.clock.now() + 500 });
  await f.clock.advance('2s');
  await f.final(late.id);

  const found = await totals(f.engine);
  assert.deepEqual(found, {
    submitted: 9,
    completed: 1,
    failed: { task_error: 3, cancelled: 2, timeout: 1, queue_timeout: 1 },
  });
  const { buckets } = await f.engine.stats('1h');
  const sum = (of: (bucket: StatsBucket) => number): number =>
    buckets.reduce((total, { bucket }) => total + of(bucket), 0);
  assert.equal(
    sum(({ waits }) => waits.total),
    7,
  );
  assert.equal(
    sum(({ unstarted }) => unstarted),
    2,
    'one was cancelled before it began, one was out of time',
  );
  const records = await f.engine.taskRecords();
  const counted = records.reduce((sum, { completed, failed }) => sum + completed + failed, 0);
  assert.equal(told.length, counted);
  const unfinished = records.reduce(
    (sum, { pending, processing }) => sum + pending + processing,
    0,
  );
  assert.equal(found.submitted - counted, unfinished);
  const timeout = told.find(({ code }) => code === 'timeout');
  assert.deepEqual([timeout?.task, timeout?.totalMs, timeout?.runMs].map(String), [
    'slow',
    '60000',
    '60000',
  ]);
  assert.equal(told.find(({ code }) => code === 'queue_timeout')?.runMs, null);
});

test('a wait begins when an operation could have run, and is counted once', async (t) => {
  const waits: [string, number][] = [];
  const observer = {
    submitted: () => undefined,
    started: (task: string, waitMs: number) => void waits.push([task, waitMs]),
    finished: () => undefined,
  };
  const one = [
    defineTask('one', {
      concurrency: 1,
      attempts: 3,
      retry: { base: '5s', cap: '5s' },
      run: async ({ attempt }) => {
        if (attempt === 1) throw new Error('again');
        return null;
      },
    }),
  ];
  const f = await engineFixture(t, one, { observer, start: false });
  await f.submit();
  await f.clock.advance('30s');
  const delayed = await f.submit(null, { notBefore: f.clock.now() + 60_000 });
  await f.engine.start();
  await f.clock.advance('2m');
  await f.final(delayed.id);
  assert.deepEqual(waits, [
    ['one', 30_000],
    ['one', 0],
  ]);
  const { buckets } = await f.engine.stats('1h');
  const waited = buckets.flatMap(({ bucket }) => bucket.waits.quantile(1) ?? []);
  assert.equal(waited.length, 2);
  assert.ok(waited[0]! > 25_000 && waited[0]! < 40_000, String(waited));
});

test('every window is as long as it says, without a gap, to this moment', async (t) => {
  const f = await engineFixture(t, tasks);
  await f.clock.advance(123_456);
  const { id } = await f.submit({});
  await f.final(id);
  for (const window of Object.keys(statsWindows) as StatsWindow[]) {
    const { at, windowMs, bucketMs, buckets } = await f.engine.stats(window);
    const named = { '15m': 900, '1h': 3_600, '6h': 21_600, '24h': 86_400 }[window];
    assert.equal(windowMs, named * 1000);
    assert.equal(at, f.clock.now());
    assert.equal(buckets.length, windowMs / bucketMs);
    for (const [i, bucket] of buckets.entries()) {
      assert.equal(bucket.at % bucketMs, 0);
      if (i > 0) assert.equal(bucket.at - buckets[i - 1]!.at, bucketMs);
      assert.equal(bucket.isComplete, i < buckets.length - 1);
    }
    const last = buckets.at(-1)!;
    assert.ok(last.at <= at && at < last.at + bucketMs);
    assert.deepEqual([last.bucket.submitted, last.bucket.completed], [1, 1]);
  }
  await f.clock.advance('3h');
  assert.deepEqual(await totals(f.engine, '1h'), { submitted: 0, completed: 0, failed: {} });
  assert.equal((await totals(f.engine, '6h')).submitted, 1);
  assert.equal((await totals(f.engine, '24h')).completed, 1);
});

type Process = { readonly engine: Engine; submit(): Promise<void> };

async function started(
  t: TestContext,
  p: Partial<EngineOptions> & { readonly store: Store; readonly clock: ManualClock },
): Promise<Process> {
  const { clock } = p;
  const { logger } = collectingLogger();
  const engine = createEngine({ tasks, logger, ...p });
  t.after(() => engine.stop({ now: true }));
  await engine.start();
  return {
    engine,
    async submit() {
      const { operation } = await engine.submit({ task: 'echo', tenant: '', input: json(1) });
      // Another process may have taken the operation, which is found only at the next poll.
      const { id } = operation;
      while (!isFinal((await engine.read({ id, tenant: '' })).state)) await clock.advance(100);
    },
  };
}

function passing(store: Store, capabilities = store.capabilities): Store {
  return { ...faultyStore(store, { nth: Infinity, when: 'before' }).store, capabilities };
}

async function statsNotes(store: Store): Promise<string[]> {
  const notes = await store.readNotes({ prefix: 'stats:', now: 0 });
  return notes.map(({ name }) => name);
}

test('what was counted outlives the process: all of it after a stop, all but the last seconds after a crash', async (t) => {
  const [store, clock] = [memoryStore(), new ManualClock()];
  const first = await started(t, { store: passing(store), clock });
  await first.submit();
  await first.engine.stop({ now: true });
  // It dies: the store rejects what it would still write.
  const dying = faultyStore(store, {
    nth: 2,
    count: Infinity,
    when: 'before',
    verbs: ['writeNote'],
  });
  const atEach = {
    ...dying.store,
    writeNote: async (p: Parameters<Store['writeNote']>[0]) =>
      p.name.startsWith('stats:') ? dying.store.writeNote(p) : store.writeNote(p),
  };
  const second = await started(t, { store: atEach, clock });
  await second.submit();
  await clock.advance('10s');
  await second.submit();
  assert.equal((await totals(second.engine)).completed, 3);
  await second.engine.stop({ now: true });
  const third = await started(t, { store: passing(store), clock });
  assert.equal((await totals(third.engine)).completed, 2);
  await third.submit();
  await clock.advance('20s');
  assert.equal((await totals(third.engine)).completed, 3);
  assert.equal((await statsNotes(store)).length, 1, 'it has taken over what the others left');
});

test('processes on one store tell the same sum', async (t) => {
  const clock = new ManualClock();
  const store = passing(memoryStore(), {
    singleProcess: false,
    durable: false,
    claimsAtAccept: true,
  });
  const [a, b] = [await started(t, { store, clock }), await started(t, { store, clock })];
  for (let i = 0; i < 3; i += 1) await a.submit();
  await b.submit();
  await clock.advance('12s');
  const expected = { submitted: 4, completed: 4, failed: {} };
  assert.deepEqual(await totals(a.engine), expected);
  assert.deepEqual(await totals(b.engine), expected);
  const { buckets } = await a.engine.stats('15m');
  assert.equal(buckets.at(-2)?.isComplete, false, 'another may have something to add');
  assert.equal(buckets.at(-4)?.isComplete, true);
  await a.engine.stop({ now: true });
  await clock.advance('2m');
  assert.deepEqual(await totals(b.engine), expected);
  assert.equal((await statsNotes(store)).length, 1);
});

test('what a dead process counted is counted once, also when it comes back', async (t) => {
  const clock = new ManualClock();
  const store = passing(memoryStore(), {
    singleProcess: false,
    durable: false,
    claimsAtAccept: true,
  });
  const cut = { away: false };
  const reach = (): Store => {
    if (cut.away) throw new RaincheckError('store_unavailable', 'It is cut off.');
    return store;
  };
  const cutOff: Store = {
    ...store,
    writeNote: async (p) => reach().writeNote(p),
    readNote: async (p) => reach().readNote(p),
    readNotes: async (p) => reach().readNotes(p),
    removeNotes: async (p) => reach().removeNotes(p),
  };
  const lost = await started(t, { store: cutOff, clock });
  const others = [await started(t, { store, clock }), await started(t, { store, clock })];
  await lost.submit();
  await others[0]!.submit();
  await clock.advance('12s');
  const completed = async () =>
    Promise.all(others.map(async ({ engine }) => (await totals(engine, '24h')).completed));
  assert.deepEqual(await completed(), [2, 2]);
  cut.away = true;
  await clock.advance('5m');
  assert.equal((await statsNotes(store)).length, 2);
  await clock.advance('10m');
  assert.deepEqual(await completed(), [2, 2]);
  const notes = await statsNotes(store);
  assert.ok(notes.length === 1 || notes.length === 2, 'one of them has taken it over');
  cut.away = false;
  await lost.submit();
  await clock.advance('1m');
  const now = await completed();
  assert.ok(
    now.every((n) => n === 2 || n === 3),
    `never twice: ${now.join(', ')}`,
  );
  await lost.submit();
  await clock.advance('1m');
  assert.deepEqual(
    await completed(),
    now.map((n) => n + 1),
  );
});

test('statistics of another version are left alone for a day', async (t) => {
  const [store, clock] = [memoryStore(), new ManualClock()];
  await store.writeNote({ name: 'stats:w_new', text: '{"format":2}', now: clock.now() });
  const p = await started(t, { store: passing(store), clock });
  await p.submit();
  assert.equal((await totals(p.engine)).completed, 1);
  clock.stall(23 * 3_600_000);
  await clock.advance('2m');
  assert.equal((await statsNotes(store)).includes('stats:w_new'), true);
  clock.stall(2 * 3_600_000);
  await clock.advance('2m');
  assert.equal((await statsNotes(store)).includes('stats:w_new'), false);
});

test('while the store is away this process tells its own', async (t) => {
  const clock = new ManualClock();
  const away = faultyStore(memoryStore(), {
    nth: 1,
    count: Infinity,
    when: 'before',
    verbs: ['readNotes'],
  });
  const p = await started(t, { store: away.store, clock });
  await p.submit();
  await assert.rejects(p.engine.stats('1h'), { code: 'store_unavailable' });
  const [last] = p.engine.ownStats('1h').buckets.toReversed();
  assert.equal(last?.bucket.completed, 1);
});
