import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import type { Operation } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';
import { collectingLogger } from './engine.fixture.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { unknownProcess } from './node.ts';

/** A memory store that several engines share, as processes share a database. */
function sharedStore(): Store {
  const { store } = faultyStore(memoryStore(), { nth: Infinity, when: 'before' });
  return { ...store, capabilities: { singleProcess: false, durable: false, claimsAtAccept: true } };
}

type Nodes = { readonly clock: ManualClock; readonly store: Store };

function node(
  t: TestContext,
  { clock, store }: Nodes,
  options: Partial<EngineOptions> & { works: boolean },
): Engine {
  const task = defineTask('timed', {
    run: ({ input, signal }) => clock.sleep((input as { ms: number }).ms, signal),
  });
  const { works, ...more } = options;
  const { logger } = collectingLogger();
  const isApi = { ...unknownProcess, isApi: !works };
  const parts = { store, clock, logger, tasks: [task], random: () => 0.5, node: isApi };
  const engine = createEngine({ ...parts, concurrency: 2, ...more });
  t.after(() => engine.stop({ now: true }));
  return engine;
}

async function submit(engine: Engine, ms: number, priority = 0): Promise<Operation> {
  const input = { value: { ms }, text: JSON.stringify({ ms }) };
  return (await engine.submit({ task: 'timed', tenant: '', input, priority })).operation;
}

/** The estimate that a client gets once no work is left; asking makes a node look at the queue. */
async function told(engine: Engine, clock: ManualClock, id: string): Promise<OperationEstimate> {
  const ask = async () => engine.estimate(await engine.read({ id, tenant: '' }));
  await ask();
  await settled(clock);
  const estimate = await ask();
  assert.ok(estimate !== null, 'it is final');
  return estimate;
}

/** More turns than a look, playing 64 steps and writing the note take. */
async function settled(clock: ManualClock): Promise<void> {
  await clock.advance(251);
  for (let turn = 0; turn < 200; turn += 1) await nextTurn();
}

/** A worker and two nodes that answer clients; twelve operations of 10 s have finished. */
async function threeNodes(t: TestContext) {
  const nodes = { clock: new ManualClock(), store: sharedStore() };
  const worker = node(t, nodes, { works: true });
  await worker.start();
  const [one, two] = [node(t, nodes, { works: false }), node(t, nodes, { works: false })];
  one.listen();
  two.listen();
  await nodes.clock.advance(0);
  for (let i = 0; i < 12; i += 1) {
    await submit(one, 10_000);
    await nodes.clock.advance(12_000);
  }
  return { ...nodes, worker, one, two };
}

test('all nodes tell the same place and time of an operation that waits, whoever accepted it', async (t) => {
  const { clock, store, worker, one, two } = await threeNodes(t);
  for (let i = 0; i < 42; i += 1) {
    await submit(i % 2 === 0 ? one : two, 10_000);
    await clock.advance(1);
  }
  await clock.advance(2_000);
  const { waiting, running } = await store.readQueue!({ limit: 100 });
  assert.deepEqual([waiting.length, running.length], [40, 2]);
  const firstFree = Math.min(...running.map(({ startedAt }) => startedAt!)) + 10_000;
  await told(one, clock, waiting[0]!.id);
  for (const i of [0, 7, 20, 39]) {
    const due = firstFree + Math.floor(i / 2) * 10_000;
    const starts = [];
    for (const engine of [one, two, worker]) {
      const estimate = await told(engine, clock, waiting[i]!.id);
      const { queuePosition, startsAt, basis, reason } = estimate;
      assert.deepEqual([reason, basis], [null, 'history']);
      assert.ok(
        Math.abs(queuePosition! - i) <= Math.max(1, 0.05 * i),
        `${queuePosition}, not ${i}`,
      );
      assert.ok(
        Math.abs(startsAt! - due) <= 5_000,
        `${startsAt! - due} ms off: half of one's time`,
      );
      starts.push(startsAt!);
    }
    const apart = Math.max(...starts) - Math.min(...starts);
    assert.ok(apart <= Math.max(500, 0.02 * (due - clock.now())), `${apart} ms apart`);
  }
  const urgent = await submit(two, 10_000, 5);
  assert.equal((await told(one, clock, urgent.id)).queuePosition, 0);
});

test('one that was submitted a moment ago stands behind those that all know', async (t) => {
  const { clock, store, one } = await threeNodes(t);
  for (let i = 0; i < 10; i += 1) {
    await submit(one, 10_000);
    await clock.advance(1);
  }
  await clock.advance(2_000);
  const { waiting } = await store.readQueue!({ limit: 100 });
  assert.equal((await told(one, clock, waiting.at(-1)!.id)).queuePosition, 7);
  const places = [];
  for (let i = 0; i < 3; i += 1) {
    const operation = await submit(one, 10_000);
    places.push(one.estimate(operation)!.queuePosition);
    await clock.advance(1);
  }
  assert.deepEqual(places, [8, 9, 10]);
});

test('what one node learned all know, also one that comes after all died', async (t) => {
  const { clock, store, worker, one, two } = await threeNodes(t);
  await clock.advance(10_000);
  for (const engine of [worker, one, two]) {
    const { durations } = engine.taskEstimates('timed');
    assert.deepEqual(durations, { p50Ms: 10_000, p90Ms: 10_000, samples: 12 });
  }
  // The node that accepted seven of these operations gave clients an estimate of each; it judges
  // them when it sees the ends.
  for (let i = 0; i < 7; i += 1) {
    const operation = await submit(two, 10_000);
    assert.equal(two.estimate(operation)?.basis, 'history');
    await clock.advance(12_000);
  }
  // One round sees the ends and shares them, and the next round of each other node reads them.
  for (let round = 0; round < 3; round += 1) {
    await clock.advance(5_000);
    await settled(clock);
  }
  assert.equal(two.taskEstimates('timed').accuracy?.samples, 7);
  assert.equal(one.taskEstimates('timed').accuracy?.samples, 7);
  const heir = node(t, { clock, store }, { works: false });
  heir.listen();
  await settled(clock);
  assert.deepEqual(heir.taskEstimates('timed'), one.taskEstimates('timed'));
  assert.equal(heir.taskEstimates('timed').durations?.samples, 19);
});

test('a worker that dies is counted for 20 s; then nothing is estimated, and the reason told', async (t) => {
  const nodes = { clock: new ManualClock(), store: sharedStore() };
  const api = node(t, nodes, { works: false });
  api.listen();
  await nodes.clock.advance(0);
  const first = await submit(api, 60_000);
  assert.equal((await told(api, nodes.clock, first.id)).reason, 'no_worker');
  // Killed: its note stays, and is not written again.
  const dying = faultyStore(nodes.store, { nth: Infinity, when: 'before' });
  const capabilities = { singleProcess: false, durable: false, claimsAtAccept: true };
  const worker = node(
    t,
    { ...nodes, store: { ...dying.store, capabilities } },
    { works: true, concurrency: 1 },
  );
  const written = await nodes.store.readNotes({ prefix: 'node:', now: nodes.clock.now() });
  await worker.start();
  await nodes.clock.advance(5_000);
  const notes = await nodes.store.readNotes({ prefix: 'node:', now: nodes.clock.now() });
  const heart = notes.find(({ name }) => !written.some((other) => other.name === name))!;
  for (let i = 0; i < 4; i += 1) {
    const { reason } = await told(api, nodes.clock, (await submit(api, 1_000)).id);
    assert.equal(reason, 'no_history', 'a worker lives');
  }
  await worker.stop({ now: true });
  await nodes.store.writeNote({ ...heart, now: nodes.clock.now() });
  const waiting = await submit(api, 1_000);
  await nodes.clock.advance(10_000);
  assert.equal((await told(api, nodes.clock, waiting.id)).reason, 'no_history');
  await nodes.clock.advance(13_000);
  const { reason, completesAt } = await told(api, nodes.clock, waiting.id);
  assert.deepEqual([reason, completesAt], ['no_worker', null]);
  assert.equal(api.pollWait(waiting)?.seconds, 60);
});

test('the poll budget is shared by the nodes that answer clients', async (t) => {
  const { clock, one, two } = await threeNodes(t);
  const seconds = new Map<number, number>();
  for (let i = 0; i < 4_000; i += 1) {
    const engine = i % 2 === 0 ? one : two;
    if (i < 1) await submit(engine, 10_000);
    const operation = {
      ...(await engine.list({ filter: {}, limit: 1, beforeId: null })).operations[0]!,
    };
    const wait = engine.pollWait({ ...operation, id: `${operation.id}${i}`, state: 'ready' });
    const second = Math.floor((clock.now() + wait!.ms) / 1000);
    seconds.set(second, (seconds.get(second) ?? 0) + 1);
  }
  assert.ok(Math.max(...seconds.values()) <= 1_000, JSON.stringify([...seconds]));
});
