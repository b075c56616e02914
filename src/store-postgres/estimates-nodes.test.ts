import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { gate } from '../engine/engine.fixture.ts';
import type { Engine } from '../engine/engine.ts';
import { unknownProcess } from '../engine/node.ts';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import type { Operation } from '../core/operation.ts';
import { until } from '../testing/until.fixture.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

/**
 * What engine/shared-estimates.test.ts checks with a memory store, here with the real store and its
 * clock.
 */
const server = await startPostgres();
after(() => server.stop());

async function engines(
  t: TestContext,
  held: Promise<void>,
): Promise<Record<'worker' | 'one' | 'two', Engine>> {
  const options = { url: server.url, schema: newSchema() };
  const made: Engine[] = [];
  for (const isApi of [false, true, true]) {
    const store = await openPostgresStore(options);
    const tasks = [
      defineTask('quick', { run: () => null }),
      defineTask('slow', { estimate: '30s', run: () => held }),
    ];
    const engine = createEngine({
      store,
      tasks,
      concurrency: 4,
      node: { ...unknownProcess, isApi },
    });
    made.push(engine);
    t.after(async () => {
      await engine.stop({ now: true });
      await store.close();
    });
  }
  t.after(() => dropSchema(options));
  const [worker, one, two] = made as [Engine, Engine, Engine];
  await worker.start();
  one.listen();
  two.listen();
  return { worker, one, two };
}

async function submit(engine: Engine, task: string, priority = 0): Promise<Operation> {
  const input = { value: null, text: 'null' };
  return (await engine.submit({ task, tenant: '', input, priority })).operation;
}

/** Polls until `told` holds: a node looks four times a second at what another node estimated. */
function estimated(
  engine: Engine,
  { id }: Operation,
  told: (estimate: OperationEstimate) => boolean,
): Promise<OperationEstimate> {
  const ask = async (): Promise<OperationEstimate> => {
    const estimate = engine.estimate(await engine.read({ id, tenant: '' }));
    assert.ok(estimate !== null, 'it is final');
    return estimate;
  };
  return until('the estimate is as wanted', ask, told);
}

test('two nodes on one PostgreSQL tell the same place and time, by what one of them foresaw', async (t) => {
  const held = gate();
  t.after(() => held.open());
  const { worker, one, two } = await engines(t, held.promise);
  const all: Operation[] = [];
  for (let i = 0; i < 44; i += 1) all.push(await submit(i % 2 === 0 ? one : two, 'slow'));
  for (const operation of all.slice(0, 4)) {
    const { id } = operation;
    for (let { state, version } = operation; state !== 'running';) {
      const wait = { id, tenant: '', until: 'change', version, timeoutMs: 10_000 } as const;
      ({ state, version } = await one.waitFor(wait));
    }
  }
  for (const i of [4, 14, 43]) {
    const place = i - 4;
    const near = ({ queuePosition }: OperationEstimate): boolean =>
      queuePosition !== null && Math.abs(queuePosition - place) <= Math.max(1, 0.05 * place);
    const from: OperationEstimate[] = [];
    for (const engine of [one, two, worker]) from.push(await estimated(engine, all[i]!, near));
    // The middle of a declared time is exact; the reported end may lag by a tenth of the time left.
    const ends = from.map(({ completesAt }) => completesAt!);
    const left = Math.min(...ends) - Date.now();
    const apart = Math.max(...ends) - Math.min(...ends);
    assert.ok(apart <= 0.15 * left + 500, `${i}: ${apart} ms apart of ${left}`);
    assert.ok(left > (30_000 * place) / 4 / 2, `${i}: ends in ${left} ms`);
  }
  const urgent = await submit(two, 'slow', 9);
  await estimated(one, urgent, ({ queuePosition }) => queuePosition === 0);
  const notes = await estimated(two, urgent, ({ queuePosition }) => queuePosition === 0);
  assert.equal(notes.basis, 'declared');
});

test('what a worker learned the nodes that answer know, and the other way round', async (t) => {
  const { worker, one, two } = await engines(t, Promise.resolve());
  for (let i = 0; i < 8; i += 1) {
    const { id } = await submit(i % 2 === 0 ? one : two, 'quick');
    await one.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 10_000 });
  }
  await worker.stop();
  const operation = await submit(one, 'quick');
  assert.equal(
    (await estimated(one, operation, ({ reason }) => reason === 'no_worker')).startsAt,
    null,
  );
  await one.stop();
  // On stop it stores what it learned and takes in what all nodes stored, the worker's news
  // included.
  await two.stop();
  assert.equal(two.taskEstimates('quick').durations?.samples, 8);
});
