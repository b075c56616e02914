import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Duration } from '../core/duration.ts';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import type { Operation } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { openSqliteStore } from '../store-sqlite/sqlite-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { seededRandom } from '../core/estimator/seeded-random.fixture.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, type Fixture } from './engine.fixture.ts';

type Input = {
  ms: number;
  /** The first attempt fails. */
  fail?: boolean;
  /** Number of progress reports, at equal distances. */
  steps?: number;
  /** The handler moves the clock: for stores on a disk, which need turns of their own. */
  atOnce?: boolean;
};

/** A task whose operations take as long as their input says, in ms of the clock. */
function timed(clock: ManualClock, options: { estimate?: Duration; limit?: number } = {}) {
  const { estimate, limit } = options;
  return defineTask('timed', {
    ...(estimate !== undefined && { estimate }),
    ...(limit !== undefined && { concurrency: limit }),
    attempts: 2,
    retry: { base: '10s', factor: 1 },
    run: async ({ input, signal, progress, attempt }) => {
      const { ms, fail = false, steps = 0, atOnce = false } = input as Input;
      if (atOnce) return clock.stall(ms);
      for (let step = 1; step <= steps; step += 1) {
        progress({ current: step - 1, total: steps });
        await clock.sleep(ms / steps, signal);
      }
      if (steps === 0) await clock.sleep(ms, signal);
      if (fail && attempt === 1) throw new Error('The first attempt fails.');
    },
  });
}

async function fixture(
  t: TestContext,
  p: Parameters<typeof engineFixture>[2] & Parameters<typeof timed>[1] = {},
): Promise<Fixture> {
  const { estimate, limit, ...options } = p;
  const clock = (options.clock as ManualClock | undefined) ?? new ManualClock();
  const task = timed(clock, {
    ...(estimate !== undefined && { estimate }),
    ...(limit !== undefined && { limit }),
  });
  return engineFixture(t, [task], { concurrency: 1, ...options, clock });
}

/** Lets `count` operations of `ms` run, one after the other. */
async function teach(f: Fixture, count: number, ms: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    const { id } = await f.submit({ ms });
    await f.clock.advance(ms);
    assert.equal((await f.read(id)).state, 'completed');
  }
}

/** Submits one ms after the other: within one millisecond, ids come in any order. */
async function submitted(f: Fixture, count: number, ms: number): Promise<Operation[]> {
  const all: Operation[] = [];
  for (let i = 0; i < count; i += 1) {
    all.push(await f.submit({ ms }));
    await f.clock.advance(1);
  }
  return all;
}

/**
 * Moves the clock until the stored note covers `total` operations: the disk needs turns of its own.
 */
async function kept(store: Store, clock: ManualClock, total: number): Promise<void> {
  for (let found = 0; found !== total;) {
    await clock.advance(100);
    const note = await store.readNote({ name: 'estimates' });
    found = note === null ? 0 : JSON.parse(note).tasks.timed.total;
  }
}

/** Resolves once the operation runs, however long the disk takes. */
async function runs(f: Fixture, { id }: Operation): Promise<void> {
  for (;;) {
    const { state, version } = await f.read(id);
    if (state === 'running') return;
    await f.engine.waitFor({ id, tenant: '', until: 'change', version, timeoutMs: 1e6 });
  }
}

async function estimateOf(f: Fixture, { id }: Pick<Operation, 'id'>): Promise<OperationEstimate> {
  const estimate = f.engine.estimate(await f.read(id));
  assert.ok(estimate !== null, 'it is final');
  return estimate;
}

test('an estimate is the declared one, and that of the history once four have finished', async (t) => {
  const f = await fixture(t, { estimate: '9s' });
  const first = await f.submit({ ms: 2_000 });
  await f.clock.advance(0);
  const declared = await estimateOf(f, first);
  assert.equal(declared.basis, 'declared');
  assert.equal(declared.confidence, 'low');
  const left = declared.completesAt! - f.clock.now();
  assert.ok(Math.abs(left - 9_000) < 1_000, String(left));
  assert.deepEqual(f.engine.taskEstimates('timed'), { durations: null, accuracy: null });
  await f.clock.advance(2_000);
  await teach(f, 4, 2_000);
  const next = await f.submit({ ms: 2_000 });
  await f.clock.advance(0);
  assert.deepEqual(await estimateOf(f, next), {
    startsAt: f.clock.now(),
    completesAt: f.clock.now() + 2_000,
    completesBy: f.clock.now() + 2_090,
    queuePosition: 0,
    basis: 'history',
    samples: 5,
    confidence: 'low',
    longerThanUsual: false,
    reason: null,
  });
  const { durations, accuracy } = f.engine.taskEstimates('timed');
  assert.deepEqual(durations, { p50Ms: 2_000, p90Ms: 2_000, samples: 5 });
  assert.equal(accuracy?.samples, 1, 'one was told an estimate and has finished');
});

test('without declaration and history there is none, and the reason', async (t) => {
  const f = await fixture(t);
  const first = await f.submit({ ms: 1_000 });
  await f.clock.advance(0);
  const { reason, basis, completesAt } = await estimateOf(f, first);
  assert.deepEqual([reason, basis, completesAt], ['no_history', 'none', null]);
  assert.ok(f.engine.pollWait(await f.read(first.id))!.seconds >= 1);
  await f.clock.advance(1_000);
  assert.equal(f.engine.estimate(await f.read(first.id)), null, 'it is final');
  assert.equal(f.engine.pollWait(await f.read(first.id)), null);
  await teach(f, 4, 1_000);
  const sixth = await f.submit({ ms: 1_000 });
  await f.clock.advance(0);
  assert.equal((await estimateOf(f, sixth)).basis, 'history');
});

test('operations that wait are told their place and when their turn comes', async (t) => {
  const f = await fixture(t);
  await teach(f, 5, 10_000);
  const start = f.clock.now();
  const all = await submitted(f, 4, 10_000);
  for (const [i, one] of all.entries()) {
    const { queuePosition, startsAt, completesAt } = await estimateOf(f, one);
    assert.equal(queuePosition, Math.max(0, i - 1), `operation ${i}`);
    assert.equal(startsAt, start + i * 10_000);
    assert.equal(completesAt, start + (i + 1) * 10_000);
  }
  const urgent = await f.submit({ ms: 10_000 }, { priority: 5 });
  assert.equal((await estimateOf(f, urgent)).queuePosition, 0);
  assert.equal((await estimateOf(f, all[1]!)).queuePosition, 1);
  await f.engine.cancel({ id: urgent.id, tenant: '' });
  assert.equal((await estimateOf(f, all[1]!)).queuePosition, 0, 'a cancelled one stands no more');
  const later = await f.submit({ ms: 10_000 }, { notBefore: start + 3_600_000 });
  assert.ok((await estimateOf(f, later)).startsAt! >= start + 3_600_000);
});

test('no worker, or a paused task: null and the reason', async (t) => {
  const f = await fixture(t, { estimate: '5s', start: false });
  const operation = await f.submit({ ms: 1_000 });
  assert.equal((await estimateOf(f, operation)).reason, 'no_worker');
  assert.equal(f.engine.pollWait(operation)!.seconds, 60, 'nothing happens before somebody comes');
  await f.engine.setTaskPaused({ task: 'timed', paused: true });
  await f.engine.start();
  await f.clock.advance(0);
  assert.equal((await estimateOf(f, operation)).reason, 'task_paused');
  assert.equal((await estimateOf(f, operation)).queuePosition, 0);
  await f.engine.setTaskPaused({ task: 'timed', paused: false });
  await f.clock.advance(0);
  assert.equal((await estimateOf(f, operation)).reason, null);
  await f.engine.stop({ now: true });
  assert.equal((await estimateOf(f, operation)).reason, 'no_worker', 'it was handed back');
});

test('a paused task is told also where nothing is known of what it takes, and of a retry', async (t) => {
  const f = await fixture(t);
  const failing = await f.submit({ ms: 1_000, fail: true });
  await f.clock.advance(1_000);
  assert.equal((await f.read(failing.id)).state, 'scheduled');
  await f.engine.setTaskPaused({ task: 'timed', paused: true });
  const waiting = await f.submit({ ms: 1_000 });
  assert.equal((await estimateOf(f, waiting)).reason, 'task_paused');
  assert.equal((await estimateOf(f, failing)).reason, 'task_paused');
  await f.engine.setTaskPaused({ task: 'timed', paused: false });
  await f.clock.advance(0);
  assert.equal((await estimateOf(f, waiting)).reason, 'no_history');
});

test('a limit of the task is foreseen', async (t) => {
  const f = await fixture(t, { limit: 1, concurrency: 8 });
  await teach(f, 5, 10_000);
  const [first, second] = await submitted(f, 2, 10_000);
  assert.equal((await estimateOf(f, second!)).startsAt, first!.createdAt + 10_000);
});

test('a back-off is foreseen, and an operation that runs again is no new one', async (t) => {
  const f = await fixture(t, { estimate: '2s' });
  const operation = await f.submit({ ms: 1_000, fail: true });
  await f.clock.advance(1_000);
  const { state, readyAt } = await f.read(operation.id);
  assert.equal(state, 'scheduled');
  const waiting = await estimateOf(f, operation);
  assert.ok(waiting.completesAt! >= readyAt, 'not before it may run again');
  await f.clock.advance(readyAt - f.clock.now());
  assert.equal((await estimateOf(f, operation)).startsAt, operation.createdAt);
  await f.clock.advance(1_000);
  assert.equal((await f.read(operation.id)).state, 'completed');
});

test('progress is a key: what remained at this stage the last times', async (t) => {
  const f = await fixture(t);
  for (let i = 0; i < 5; i += 1) {
    await f.submit({ ms: 10_000, steps: 4 });
    await f.clock.advance(10_000);
  }
  const operation = await f.submit({ ms: 10_000, steps: 4 });
  await f.clock.advance(5_100);
  const { basis, completesAt } = await estimateOf(f, operation);
  assert.equal(basis, 'progress');
  assert.equal(completesAt, f.clock.now() + 4_900);
});

test('a time told is held while it moves by less than a tenth, and is never in the past', async (t) => {
  const f = await fixture(t);
  const random = seededRandom(7);
  for (let i = 0; i < 30; i += 1) await teach(f, 1, Math.round(5_000 + 10_000 * random()));
  const operation = await f.submit({ ms: 40_000 });
  await f.clock.advance(0);
  let before = await estimateOf(f, operation);
  let moves = 0;
  for (let second = 0; second < 39; second += 1) {
    await f.clock.advance(1_000);
    const now = f.clock.now();
    const shown = await estimateOf(f, operation);
    assert.ok(shown.completesAt! >= now && shown.completesBy! >= shown.completesAt!);
    if (shown.completesAt !== before.completesAt) moves += 1;
    before = shown;
  }
  assert.ok(moves < 39, `it moved ${moves} times of 39`);
  assert.equal(before.longerThanUsual, true, 'it takes longer than all that came before');
});

test('the bounds that were told hold nine times of ten over a load, judged by the engine itself', async (t) => {
  const seed = 11;
  const random = seededRandom(seed);
  const f = await fixture(t, { concurrency: 4, random: seededRandom(seed + 1) });
  const told: { id: string; by: number }[] = [];
  const lognormal = (): number => {
    const sum = random() + random() + random() + random() - 2;
    return Math.round(4_000 * Math.exp(1.2 * sum));
  };
  for (let i = 0; i < 400; i += 1) {
    const { id } = await f.submit({ ms: lognormal() });
    const { completesBy } = await estimateOf(f, { id });
    if (i >= 40) told.push({ id, by: completesBy! });
    await f.clock.advance(Math.round(-5_000 * Math.log(1 - random()) * 0.9));
  }
  await f.clock.advance(600_000);
  let held = 0;
  for (const { id, by } of told) if ((await f.read(id)).finishedAt! <= by) held += 1;
  const share = held / told.length;
  assert.ok(share > 0.84 && share < 0.96, `seed ${seed}: ${share} of ${told.length}`);
  const { accuracy } = f.engine.taskEstimates('timed');
  assert.equal(accuracy?.samples, 256);
  assert.ok(Math.abs(accuracy.withinBound - share) < 0.06, `${accuracy.withinBound} and ${share}`);
  assert.ok(accuracy.errorMedian > 0 && accuracy.errorMedian < 0.8, String(accuracy.errorMedian));
});

test('what was learned, who waits and who is paused is known to the next process', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-estimates-'));
  const file = path.join(folder, 'a.db');
  const clock = new ManualClock();
  const store = await openSqliteStore({ path: file });
  const first = await fixture(t, { store, clock });
  for (let i = 0; i < 6; i += 1) {
    await first.final((await first.submit({ ms: 10_000, atOnce: true })).id);
  }
  await kept(store, clock, 6);
  const running = await first.submit({ ms: 10_000 });
  await runs(first, running);
  clock.stall(1); // within a millisecond ids come in any order
  const waiting = await first.submit({ ms: 10_000 });
  clock.stall(3_000);
  const before = await estimateOf(first, waiting);
  // As after kill -9: the files as they are, without a stop.
  const copy = path.join(folder, 'b.db');
  for (const suffix of ['', '-wal']) copyFileSync(file + suffix, copy + suffix);
  const again = await openSqliteStore({ path: copy });
  const second = await fixture(t, { store: again, clock });
  t.after(async () => {
    await store.close();
    await again.close();
    rmSync(folder, { recursive: true });
  });
  assert.deepEqual(second.engine.taskEstimates('timed'), first.engine.taskEstimates('timed'));
  await runs(second, running);
  const after = await estimateOf(second, waiting);
  assert.equal(after.basis, 'history');
  assert.equal(after.samples, before.samples);
  assert.equal(after.queuePosition, 0);
  const { startedAt } = await second.read(running.id);
  assert.equal(after.startsAt, startedAt! + 10_000);
});

test('a note that cannot be read is left behind, with a warning', async (t) => {
  const store = memoryStore();
  await store.writeNote({ name: 'estimates', text: '{"version":1,"pooled":"?"}', now: 0 });
  const f = await fixture(t, { store });
  assert.ok(f.lines.some(({ level, message }) => level === 'warn' && /begin anew/.test(message)));
  await teach(f, 4, 1_000);
  await f.clock.advance(5_000);
  const kept = JSON.parse((await store.readNote({ name: 'estimates' })) ?? '');
  assert.deepEqual(kept.tasks.timed.values, [1_000, 1_000, 1_000, 1_000]);
});

test('an operation whose end got lost with the answer does not stand in the queue for ever', async (t) => {
  const { store } = faultyStore(memoryStore(), { nth: 1, when: 'after', verbs: ['requestCancel'] });
  const f = await fixture(t, { store, estimate: '10s' });
  const [, ghost, last] = (await submitted(f, 3, 60_000)) as [Operation, Operation, Operation];
  await assert.rejects(f.engine.cancel({ id: ghost.id, tenant: '' }), {
    code: 'store_unavailable',
  });
  assert.equal((await f.read(ghost.id)).state, 'failed');
  assert.equal((await estimateOf(f, last)).queuePosition, 1);
  await f.clock.advance(5_000);
  assert.equal((await estimateOf(f, last)).queuePosition, 0);
});

test('polls are spread: no second is promised to more of them than the budget', async (t) => {
  const f = await fixture(t, { estimate: '20s', pollsPerSecond: 5 });
  const all = [];
  for (let i = 0; i < 100; i += 1) all.push(await f.submit({ ms: 20_000 }));
  await f.clock.advance(0);
  const seconds = new Map<number, number>();
  for (const one of all) {
    const wait = f.engine.pollWait(await f.read(one.id))!;
    assert.equal(wait.seconds, Math.max(1, Math.ceil(wait.ms / 1000)));
    const second = Math.floor((f.clock.now() + wait.ms) / 1000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  assert.ok(Math.max(...seconds.values()) <= 5, JSON.stringify([...seconds]));
});

test('unfinished writes of the estimates hold nothing up', async (t) => {
  const faulty = faultyStore(memoryStore(), {
    nth: 1,
    count: Infinity,
    when: 'before',
    verbs: ['writeNote'],
  });
  const f = await fixture(t, { store: faulty.store });
  await teach(f, 4, 1_000);
  await f.clock.advance(5_000);
  assert.ok(faulty.failures() > 0);
  faulty.heal();
  await f.clock.advance(5_000);
  assert.notEqual(await f.store.readNote({ name: 'estimates' }), null);
});
