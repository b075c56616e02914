import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { engineFixture, type Fixture } from './engine.fixture.ts';
import { isIsolateThread } from './isolate-thread-mark.ts';
import * as isolated from './isolated-tasks.fixture.ts';
import { systemClock } from './system-clock.ts';
import type { ManualClock } from '../testing/manual-clock.ts';
import { until } from '../testing/until.fixture.ts';
import type { Task } from './task.ts';

/** Threads live in real time. */
function realTime(t: TestContext, ...tasks: Task[]): Promise<Fixture> {
  return engineFixture(t, tasks, {
    clock: systemClock as unknown as ManualClock,
    grace: 50,
    threads: 1,
  });
}

test('isolate: true finds the module that calls defineTask', () => {
  assert.equal(
    isolated.echo.isolateModule,
    new URL('./isolated-tasks.fixture.ts', import.meta.url).href,
  );
  assert.equal(isIsolateThread(), false);
});

test('an isolated handler gets its input and gives its result, progress and log', async (t) => {
  const f = await realTime(t, isolated.echo);
  const { id } = await f.submit({ a: 1 });
  const done = await f.final(id);
  assert.equal(done.state, 'completed', JSON.stringify(done.error));
  assert.equal(done.result?.inline, JSON.stringify({ input: { a: 1 }, attempt: 1, id }));
  const line = f.lines.find(({ message }) => message === 'Hello from the thread.');
  assert.deepEqual(line?.fields, { input: { a: 1 }, operation: id, task: 'echo', attempt: 1 });
});

test('a file comes out of the thread whole', async (t) => {
  const f = await realTime(t, isolated.bytes);
  const done = await f.final((await f.submit()).id);
  assert.equal(done.result?.contentType, 'application/x-seven');
  assert.equal(done.result?.sizeBytes, 100_000);
  const chunks: Uint8Array[] = [];
  for await (const chunk of f.engine.readResult({ id: done.id, start: 0, end: 100_000 })) {
    chunks.push(chunk);
  }
  assert.ok(Buffer.concat(chunks).equals(Buffer.alloc(100_000, 7)));
});

test('a busy loop is terminated after timeout and grace, and its thread is free again', async (t) => {
  const f = await realTime(t, isolated.spin, isolated.echo); // with one thread
  const first = await f.final((await f.submit()).id);
  assert.equal(first.error?.code, 'timeout');
  assert.equal(
    first.error?.detail,
    'The attempt ran longer than its timeout of 100 ms. ' +
      'Its handler did not stop within the grace of 50 ms, so its thread was ended.',
  );
  const second = await f.final((await f.submit(1, { task: 'echo' })).id);
  assert.equal(second.state, 'completed');
});

test('a cancellation reaches the handler in its thread', async (t) => {
  const f = await realTime(t, isolated.obedient);
  const { id } = await f.submit();
  let seen = await f.read(id);
  while (seen.progress === null) {
    const { version } = seen;
    seen = await f.engine.waitFor({ id, tenant: '', until: 'change', version, timeoutMs: 5_000 });
  }
  assert.equal(seen.progress.message, 'waiting');
  await f.engine.cancel({ id, tenant: '' });
  assert.equal((await f.final(id)).error?.code, 'cancelled');
  assert.ok(!f.lines.some(({ message }) => message.includes('did not stop in time')));
});

test('what a TaskError says survives the thread', async (t) => {
  const f = await realTime(t, isolated.thrower);
  const done = await f.final((await f.submit()).id);
  assert.equal(done.attempt, 1);
  assert.deepEqual(done.error, {
    code: 'task_error',
    detail: 'No such customer.',
    name: 'TaskError',
    status: 404,
    type: null,
    title: 'Gone',
  });
});

test('a handler that ends its thread fails, and the process lives', async (t) => {
  const f = await realTime(t, isolated.quitter);
  const done = await f.final((await f.submit()).id);
  assert.equal(done.error?.code, 'task_error');
  assert.match(done.error?.detail ?? '', /worker thread of the handler ended/);
});

test('what a handler left behind may throw: the process lives and says so', async (t) => {
  const f = await realTime(t, isolated.litterer, isolated.echo);
  const done = await f.final((await f.submit()).id);
  assert.equal(done.state, 'completed', JSON.stringify(done.error));
  await until('the leftover code is told of', () =>
    f.lines.some(({ message }) => message.startsWith('Leftover code')),
  );
  const after = await f.final((await f.submit(1, { task: 'echo' })).id);
  assert.equal(after.state, 'completed', JSON.stringify(after.error));
});

test('a module that does not define the task, or starts an engine, is refused in words', async (t) => {
  const f = await realTime(t, isolated.missing);
  const lost = await f.final((await f.submit()).id);
  assert.match(lost.error?.detail ?? '', /does not define it/);
  assert.equal(lost.attempt, 1);
  const g = await realTime(t, isolated.starter);
  const started = await g.final((await g.submit()).id);
  assert.match(started.error?.detail ?? '', /Move defineTask\(\) of that task to a module/);
  assert.equal(started.attempt, 1);
});

test('a stop with a busy loop under way hands the operation back', async (t) => {
  const f = await realTime(t, { ...isolated.spin, timeoutMs: null });
  const { id, version } = await f.submit();
  await f.engine.waitFor({ id, tenant: '', until: 'change', version, timeoutMs: 5_000 });
  await f.engine.stop({ now: true });
  const operation = await f.read(id);
  assert.deepEqual([operation.state, operation.attempt], ['ready', 0]);
});
