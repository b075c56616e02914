import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';
import { collectingLogger, gate } from './engine.fixture.ts';
import type { Engine, EngineOptions } from './engine.ts';
import type { NodeFacts } from './node.ts';

/** A store on which several engines act like several processes. */
function sharedStore(): Store {
  const capabilities = { singleProcess: false, durable: false, claimsAtAccept: true };
  return { ...verbsOf(memoryStore()), capabilities };
}

/**
 * The verbs as a plain object, because a spread of the memory store, which has a prototype, would
 * lose them.
 */
function verbsOf(store: Store): Store {
  return faultyStore(store, { nth: Infinity, when: 'before' }).store;
}

function facts(pid: number, lags: readonly number[] = []): NodeFacts {
  const left = [...lags];
  return {
    host: 'box-1',
    pid,
    version: '1.2.3',
    isApi: true,
    eventLoopLag: {
      start: () => undefined,
      stop: () => undefined,
      p99Ms: () => left.shift() ?? null,
    },
  };
}

const reports = defineTask('reports', { run: () => 'done' });

function engineOver(t: TestContext, options: Partial<EngineOptions> & { store: Store }): Engine {
  const { logger } = collectingLogger();
  const engine = createEngine({ tasks: [reports], logger, ...options });
  t.after(() => engine.stop({ now: true }));
  return engine;
}

async function states(engine: Engine): Promise<[pid: number, state: string][]> {
  const nodes = await engine.nodes();
  return nodes.map(({ pid, state }): [number, string] => [pid, state]).sort(([a], [b]) => a - b);
}

test('a process tells what it is and does', async (t) => {
  const clock = new ManualClock();
  const startedAt = clock.now();
  const [begun, held] = [gate(), gate()];
  const run = (): Promise<void> => {
    begun.open();
    return held.promise;
  };
  const tasks = [defineTask('held', { run }), reports];
  const node = facts(41, [0.5]);
  const engine = engineOver(t, { store: memoryStore(), clock, tasks, node, concurrency: 7 });
  assert.deepEqual(await engine.nodes(), [], 'before it listens or works');
  engine.listen();
  const [listening] = await engine.nodes();
  assert.deepEqual([listening?.roles, listening?.slots, listening?.tasks], [['api'], 0, []]);
  await engine.start();
  await clock.advance(5_000);
  const input = { value: null, text: 'null' };
  const { operation } = await engine.submit({ task: 'held', tenant: '', input });
  await begun.promise;
  const [{ id, ...told } = { id: '' }, ...others] = await engine.nodes();
  assert.match(id, /^w_/);
  assert.deepEqual(told, {
    roles: ['api', 'worker'],
    host: 'box-1',
    pid: 41,
    version: '1.2.3',
    startedAt,
    heartbeatAt: startedAt + 5_000,
    state: 'live',
    busy: 1,
    slots: 7,
    eventLoopLagMs: 0.5,
    tasks: [
      'held',
      'reports',
      'operations.batch-cancel',
      'operations.batch-retry',
      'operations.batch-remove',
    ],
  });
  assert.deepEqual(others, []);
  const { lease } = await engine.read({ id: operation.id, tenant: '' });
  assert.equal(lease?.worker, id);
  held.open();
});

test('processes on one store see each other come, drain and go', async (t) => {
  const [store, clock] = [sharedStore(), new ManualClock()];
  const held = gate();
  const tasks = [defineTask('held', { run: () => held.promise })];
  const worker = engineOver(t, { store, clock, tasks, node: facts(1) });
  const api = engineOver(t, { store, clock, tasks, node: facts(2) });
  await worker.start();
  api.listen();
  await clock.advance(1_000);
  assert.deepEqual(await states(api), [
    [1, 'live'],
    [2, 'live'],
  ]);
  const input = { value: null, text: 'null' };
  const { operation } = await api.submit({ task: 'held', tenant: '', input });
  await clock.advance(10_000);
  const ofWorker = async () => (await api.nodes()).find(({ pid }) => pid === 1);
  assert.equal((await ofWorker())?.busy, 1);
  const stopped = worker.stop({ drainMs: 60_000 });
  await clock.advance(1_000);
  const draining = await ofWorker();
  assert.deepEqual([draining?.state, draining?.roles], ['draining', ['api', 'worker']]);
  held.open();
  await stopped;
  await clock.advance(1_000);
  assert.deepEqual(await states(api), [[2, 'live']]);
  assert.equal((await api.read({ id: operation.id, tenant: '' })).state, 'completed');
});

test('one without a heartbeat is dead after three and a half of them, and forgotten after an hour', async (t) => {
  const [store, clock] = [sharedStore(), new ManualClock()];
  const cutOff = faultyStore(store, {
    nth: 2,
    count: Infinity,
    when: 'before',
    verbs: ['writeNote'],
  });
  const { logger, lines } = collectingLogger();
  const lost = engineOver(t, { store: cutOff.store, clock, logger, node: facts(1) });
  const witness = engineOver(t, { store, clock, node: facts(2) });
  await lost.start();
  witness.listen();
  await clock.advance(17_000);
  assert.deepEqual(await states(witness), [
    [1, 'live'],
    [2, 'live'],
  ]);
  await clock.advance(2_000);
  assert.deepEqual(await states(witness), [
    [1, 'dead'],
    [2, 'live'],
  ]);
  const told = lines.filter(({ message }) => /tell other processes/.test(message));
  assert.deepEqual(
    told.map(({ level }) => level),
    ['error'],
    'an outage is told once',
  );
  await clock.advance('59m');
  assert.equal((await witness.nodes()).length, 2);
  await clock.advance('3m');
  assert.deepEqual(await states(witness), [[2, 'live']]);
});

test('where no other process can have the store, who left a note is dead', async (t) => {
  const [store, clock] = [memoryStore(), new ManualClock()];
  const kept = verbsOf(store);
  const killed = faultyStore(store, { nth: 1, when: 'before', verbs: ['removeNotes'] });
  const before = engineOver(t, { store: killed.store, clock, node: facts(1) });
  await before.start();
  await clock.advance(1_000);
  await before.stop({ now: true });
  const after = engineOver(t, { store: kept, clock, node: facts(2) });
  await after.start();
  assert.deepEqual(await states(after), [
    [1, 'dead'],
    [2, 'live'],
  ]);
  const writes: string[] = [];
  const counted = {
    ...kept,
    writeNote: (p: { name: string; text: string; now: number }) => {
      writes.push(p.name);
      return kept.writeNote(p);
    },
  };
  const quiet = engineOver(t, { store: counted, clock, node: facts(3) });
  await quiet.start();
  await clock.advance(59_000);
  assert.equal(writes.filter((name) => name.startsWith('node:')).length, 1, 'nobody to tell');
});

test('what cannot be understood is nobody', async (t) => {
  const [store, clock] = [sharedStore(), new ManualClock()];
  const now = clock.now();
  for (const [name, text] of [
    ['node:a', '{'],
    ['node:b', 'null'],
    ['node:c', '{"format":2,"id":"c"}'],
  ] as const) {
    await store.writeNote({ name, text, now });
  }
  const engine = engineOver(t, { store, clock, node: facts(1) });
  await engine.start();
  assert.deepEqual(await states(engine), [[1, 'live']]);
});

test('an estimate counts on the workers of all processes, and says when there are none', async (t) => {
  const [store, clock] = [sharedStore(), new ManualClock()];
  const tasks = [defineTask('reports', { estimate: '10s', run: () => 'done' })];
  const other = [defineTask('letters', { run: () => 'done' })];
  const api = engineOver(t, { store, clock, tasks, node: facts(1) });
  api.listen();
  await clock.advance(1_000);
  const input = { value: null, text: 'null' };
  const { operation } = await api.submit({ task: 'reports', tenant: '', input });
  assert.equal(api.estimate(operation)?.reason, 'no_worker');
  const letters = engineOver(t, { store, clock, tasks: other, node: facts(2) });
  await letters.start();
  await clock.advance(5_000);
  assert.equal(api.estimate(operation)?.reason, 'no_worker', 'not for this task');
  await api.setTaskPaused({ task: 'reports', paused: true });
  const worker = engineOver(t, { store, clock, tasks, node: facts(3) });
  await worker.start();
  await clock.advance(5_000);
  await api.setTaskPaused({ task: 'reports', paused: false });
  const estimate = api.estimate(operation);
  assert.deepEqual([estimate?.reason, estimate?.basis], [null, 'declared']);
  assert.ok(estimate!.completesAt! > clock.now() + 5_000);
  await worker.stop();
  await clock.advance(5_000);
  assert.equal(api.estimate(operation)?.reason, 'no_worker');
});
