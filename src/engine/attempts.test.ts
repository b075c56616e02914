import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RaincheckError, TaskError } from '../core/errors.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate, untilAborted } from './engine.fixture.ts';

test('a failed attempt is tried again after its back-off, until one works', async (t) => {
  const attempts: number[] = [];
  const task = defineTask('flaky', {
    run({ attempt }) {
      attempts.push(attempt);
      if (attempt < 3) throw new Error(`no ${attempt}`);
      return 'yes';
    },
  });
  const f = await engineFixture(t, [task]); // random 0.5: 0.5 s, then 1 s
  const { id } = await f.submit();
  await f.clock.advance(499);
  assert.deepEqual(attempts, [1]);
  await f.clock.advance(1);
  assert.deepEqual(attempts, [1, 2]);
  await f.clock.advance(999);
  assert.deepEqual(attempts, [1, 2]);
  await f.clock.advance(1);
  const done = await f.final(id);
  assert.deepEqual([done.state, done.attempt, done.result?.inline], ['completed', 3, '"yes"']);
  const ended = await f.engine.attempts({ id, tenant: '' });
  assert.deepEqual(
    ended.map(({ number, outcome, error }) => [number, outcome, error?.detail]),
    [
      [1, 'failed', 'no 1'],
      [2, 'failed', 'no 2'],
    ],
  );
});

test('the last attempt fails the operation', async (t) => {
  const task = defineTask('bad', {
    attempts: 2,
    retry: { base: 0 },
    run: () => Promise.reject(new RangeError('always')),
  });
  const f = await engineFixture(t, [task]);
  const done = await f.final((await f.submit()).id);
  assert.deepEqual(
    [done.state, done.attempt, done.error?.code, done.error?.name, done.error?.detail],
    ['failed', 2, 'task_error', 'RangeError', 'always'],
  );
});

test('what a handler threw is logged with its stack, unless it is a TaskError', async (t) => {
  const task = defineTask('bad', {
    attempts: 2,
    retry: { base: 0 },
    run({ attempt }) {
      throw attempt === 1 ? new RangeError('a bug') : new TaskError('meant');
    },
  });
  const f = await engineFixture(t, [task]);
  await f.final((await f.submit()).id);
  const thrown = f.lines.filter(({ message }) => message === 'The handler threw.');
  assert.equal(thrown.length, 1);
  const { err, attempt } = thrown[0]!.fields as { err: { stack: string }; attempt: number };
  assert.equal(attempt, 1);
  assert.match(err.stack, /RangeError: a bug\n +at .*attempts\.test/);
});

test('a TaskError that is not retryable ends it at once', async (t) => {
  const task = defineTask('bad', {
    run: () => {
      throw new TaskError('No such customer.', { retryable: false, status: 404 });
    },
  });
  const f = await engineFixture(t, [task]);
  const done = await f.final((await f.submit()).id);
  assert.deepEqual([done.attempt, done.error?.status], [1, 404]);
});

test('a result that cannot be stored is not tried again', async (t) => {
  const task = defineTask('big', { resultBytesMax: 10, run: () => 'x'.repeat(11) });
  const f = await engineFixture(t, [task]);
  const done = await f.final((await f.submit()).id);
  assert.deepEqual([done.attempt, done.error?.code], [1, 'result_too_large']);
});

test('an input that no longer fits the task fails without a handler', async (t) => {
  const before = defineTask('changed', { run: () => 1 });
  const f = await engineFixture(t, [before], { start: false });
  const { id } = await f.submit({ old: true });
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'test',
      validate: () => ({ issues: [{ message: 'is new now', path: ['old'] }] }),
    },
  };
  const after = defineTask('changed', {
    input: schema,
    run: () => assert.fail('must not run'),
  });
  const g = await engineFixture(t, [after], { store: f.store, clock: f.clock });
  const done = await g.final(id);
  assert.match(done.error?.detail ?? '', /no longer fits the task\. \/old: is new now/);
  assert.equal(done.attempt, 1);
});

test('at its timeout the signal aborts with the reason, and the attempt is tried again', async (t) => {
  const reasons: unknown[] = [];
  const task = defineTask('slow', {
    timeout: '10s',
    attempts: 2,
    retry: { base: 0 },
    async run({ signal }) {
      await untilAborted(signal).catch((reason: unknown) => {
        reasons.push(reason);
        throw reason;
      });
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(9_999);
  assert.equal(reasons.length, 0);
  await f.clock.advance(1);
  assert.ok(reasons[0] instanceof RaincheckError);
  assert.equal(reasons[0].code, 'timeout');
  assert.equal((await f.read(id)).attempt, 2);
  await f.clock.advance(10_000);
  const done = await f.final(id);
  assert.deepEqual([done.error?.code, done.attempt], ['timeout', 2]);
  assert.match(done.error?.detail ?? '', /timeout of 10 s/);
});

test('a clock that is set an hour forward times nothing out', async (t) => {
  const work = gate<string>();
  const task = defineTask('steady', { timeout: '10s', attempts: 3, run: () => work.promise });
  // Its own timeout makes the executor check all attempts after the jump.
  const other = defineTask('other', { timeout: '5s', run: () => new Promise(() => undefined) });
  const f = await engineFixture(t, [task, other]);
  const { id } = await f.submit();
  await f.submit({}, { task: 'other' });
  await f.clock.advance(4_000);
  f.clock.jump(3_600_000);
  await f.clock.advance(5_000);
  work.open('made');
  const done = await f.final(id);
  assert.deepEqual([done.state, done.attempt, done.recoveries], ['completed', 1, 0]);
});

test('a handler that never settles holds its slot until timeout and grace, and no longer', async (t) => {
  const ran: string[] = [];
  const task = defineTask('stuck', {
    timeout: '10s',
    attempts: 1,
    run({ operation }) {
      ran.push(operation.id);
      return new Promise(() => undefined);
    },
  });
  const f = await engineFixture(t, [task], { concurrency: 1, grace: '2s' });
  const first = await f.submit();
  await f.clock.advance(0);
  const second = await f.submit();
  await f.clock.advance(11_999);
  assert.deepEqual(ran, [first.id]);
  await f.clock.advance(1);
  assert.equal((await f.read(first.id)).error?.code, 'timeout');
  assert.deepEqual(ran, [first.id, second.id]);
});

test('what a handler gives after its timeout is dropped: the outcome stands', async (t) => {
  const work = gate<string>();
  const task = defineTask('late', { timeout: '1s', attempts: 1, run: () => work.promise });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(1_500);
  assert.equal((await f.read(id)).state, 'running', 'the grace goes on');
  work.open('too late');
  assert.equal((await f.final(id)).error?.code, 'timeout');
  const work2 = gate<string>();
  const task2 = defineTask('later', { timeout: '1s', attempts: 1, run: () => work2.promise });
  const g = await engineFixture(t, [task2]);
  const { id: id2 } = await g.submit();
  await g.clock.advance(10_000);
  const before = await g.read(id2);
  assert.equal(before.error?.code, 'timeout');
  work2.open('far too late');
  await g.clock.advance(0);
  assert.deepEqual(await g.read(id2), before);
  assert.ok(g.lines.some(({ message }) => message.includes('what it gave is dropped')));
});

test('a deadline aborts the attempt, and it is not tried again', async (t) => {
  const task = defineTask('slow', {
    deadline: '5s',
    run: ({ signal }) => untilAborted(signal),
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(5_000);
  const done = await f.final(id);
  assert.deepEqual([done.error?.code, done.attempt], ['deadline_exceeded', 1]);
});

test('an operation that waits past its queue timeout or deadline fails within a second', async (t) => {
  const hold = defineTask('hold', { queueTimeout: '3s', run: () => new Promise(() => undefined) });
  const f = await engineFixture(t, [hold], { concurrency: 1 });
  await f.submit();
  await f.clock.advance(0);
  const queued = await f.submit();
  const dated = await f.submit(null, { deadlineAt: f.clock.now() + 2_000 });
  await f.clock.advance(4_000);
  assert.equal((await f.read(queued.id)).error?.code, 'queue_timeout');
  assert.equal((await f.read(dated.id)).error?.code, 'deadline_exceeded');
});

test('a cancelled operation aborts its handler at once and ends as cancelled', async (t) => {
  const started = gate<AbortSignal>();
  const task = defineTask('slow', {
    run({ signal }) {
      started.open(signal);
      return untilAborted(signal);
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  const signal = await started.promise;
  const { outcome } = await f.engine.cancel({ id, tenant: '' });
  assert.equal(outcome, 'requested');
  assert.equal((signal.reason as RaincheckError).code, 'cancelled');
  const done = await f.final(id);
  assert.deepEqual([done.state, done.error?.code], ['failed', 'cancelled']);
  assert.equal((await f.engine.cancel({ id, tenant: '' })).outcome, 'already_final');
});

test('a handler that ignores its cancellation is settled after the grace', async (t) => {
  const task = defineTask('deaf', { run: () => new Promise(() => undefined) });
  const f = await engineFixture(t, [task], { grace: '2s' });
  const { id } = await f.submit();
  await f.clock.advance(0);
  await f.engine.cancel({ id, tenant: '' });
  await f.clock.advance(1_999);
  assert.equal((await f.read(id)).state, 'running');
  await f.clock.advance(1);
  assert.equal((await f.read(id)).error?.code, 'cancelled');
});

test('a cancellation asked of another process arrives with the heartbeat', async (t) => {
  const task = defineTask('slow', { run: ({ signal }) => untilAborted(signal) });
  const f = await engineFixture(t, [task]);
  const elsewhere = await engineFixture(t, [task], {
    store: f.store,
    clock: f.clock,
    start: false,
  });
  const { id } = await f.submit();
  await f.clock.advance(0);
  await elsewhere.engine.cancel({ id, tenant: '' });
  assert.equal((await f.read(id)).state, 'running');
  await f.clock.advance(5_000);
  assert.equal((await f.read(id)).error?.code, 'cancelled');
});

test('a signal asked for after the abort is aborted already', async (t) => {
  const asked = gate();
  const seen = gate<boolean>();
  const task = defineTask('slow', {
    async run(context) {
      await asked.promise;
      seen.open(context.signal.aborted);
      context.signal.throwIfAborted();
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(0);
  await f.engine.cancel({ id, tenant: '' });
  asked.open();
  assert.equal(await seen.promise, true);
  assert.equal((await f.final(id)).error?.code, 'cancelled');
});

test('a handler sees who it works for', async (t) => {
  const seen = gate<unknown>();
  const task = defineTask('who', {
    run({ input, attempt, operation, log }) {
      log.warn('Careful.', { n: 1 });
      seen.open({ input, attempt, operation });
    },
  });
  const f = await engineFixture(t, [task]);
  const now = f.clock.now();
  const { id } = await f.submit([1], { labels: { a: 'b' } });
  assert.deepEqual(await seen.promise, {
    input: [1],
    attempt: 1,
    operation: { id, task: 'who', attemptsMax: 3, createdAt: now, labels: { a: 'b' } },
  });
  assert.deepEqual(
    f.lines.find(({ message }) => message === 'Careful.'),
    {
      level: 'warn',
      fields: { n: 1, operation: id, task: 'who', attempt: 1 },
      message: 'Careful.',
    },
  );
});

test('a scheduled operation starts at its instant', async (t) => {
  const task = defineTask('later', { run: () => 1 });
  const f = await engineFixture(t, [task], { poll: '60s' });
  await f.clock.advance(0);
  const { id } = await f.submit(null, { notBefore: f.clock.now() + 7_000 });
  await f.clock.advance(6_999);
  assert.equal((await f.read(id)).state, 'scheduled');
  await f.clock.advance(1);
  assert.equal((await f.read(id)).state, 'completed');
});

test('limits of slots, tasks and keys hold, and freed slots are used at once', async (t) => {
  const running = new Set<string>();
  const gates = new Map<string, ReturnType<typeof gate<undefined>>>();
  const make = (name: string, concurrency: Parameters<typeof defineTask>[1]['concurrency']) =>
    defineTask(name, {
      ...(concurrency === undefined ? {} : { concurrency }),
      async run({ operation, input }) {
        const mine = `${name}:${String(input)}:${operation.id}`;
        running.add(mine);
        const hold = gate<undefined>();
        gates.set(mine, hold);
        await hold.promise;
        running.delete(mine);
      },
    });
  const tasks = [
    make('free', undefined),
    make('two', 2),
    make('keyed', { limit: 1, key: String as never }),
  ];
  const f = await engineFixture(t, tasks, { concurrency: 5 });
  const count = (prefix: string): number =>
    [...running].filter((name) => name.startsWith(prefix)).length;
  for (let i = 0; i < 4; i += 1) {
    await f.submit('x', { task: 'two' });
    await f.submit('a', { task: 'keyed' });
    await f.submit('b', { task: 'keyed' });
  }
  for (let i = 0; i < 4; i += 1) await f.submit('y', { task: 'free' });
  await f.clock.advance(0);
  for (let done = 0; done < 16; done += 1) {
    assert.ok(running.size <= 5);
    assert.ok(count('two') <= 2);
    assert.ok(count('keyed:a') <= 1 && count('keyed:b') <= 1);
    const left = 16 - done;
    if (left >= 12) assert.equal(running.size, 5, 'no slot stands idle');
    gates.get([...running][0] ?? '')?.open(undefined);
    await f.clock.advance(0);
  }
  assert.equal(running.size, 0);
});

test('operations of a task that is no longer defined stay pending, with a warning at start', async (t) => {
  const gone = defineTask('gone', { run: () => 1 });
  const f = await engineFixture(t, [gone], { start: false });
  const { id } = await f.submit();
  const kept = defineTask('kept', { run: () => 1 });
  const g = await engineFixture(t, [kept], { store: f.store, clock: f.clock });
  await g.clock.advance(60_000);
  assert.equal((await g.read(id)).state, 'ready');
  assert.deepEqual(
    g.lines.filter(({ level }) => level === 'warn').map(({ fields }) => fields),
    [{ task: 'gone', pending: 1 }],
  );
});

test('a paused task is left alone and goes on when resumed', async (t) => {
  const task = defineTask('plain', { run: () => 1 });
  const f = await engineFixture(t, [task], { poll: '60s' });
  await f.engine.setTaskPaused({ task: 'plain', paused: true });
  const { id } = await f.submit();
  await f.clock.advance(1_000);
  assert.equal((await f.read(id)).state, 'ready');
  await f.engine.setTaskPaused({ task: 'plain', paused: false });
  assert.equal((await f.final(id)).state, 'completed');
  await assert.rejects(f.engine.setTaskPaused({ task: 'no', paused: true }), {
    code: 'task_not_found',
  });
});

test('a result that comes after the timeout is a timeout, and the log says what held it up', async (t) => {
  const clock = new ManualClock();
  const task = defineTask('busy', {
    timeout: '2s',
    attempts: 1,
    run: () => {
      clock.stall(12_000);
      return 'late';
    },
  });
  const f = await engineFixture(t, [task], { clock });
  await f.clock.advance(0);
  const done = await f.final((await f.submit()).id);
  assert.deepEqual([done.state, done.error?.code], ['failed', 'timeout']);
  const [warning] = f.lines.filter(({ fields }) => fields['late_ms'] === 10_000);
  assert.match(
    warning?.message ?? '',
    /10 s after its timeout: .*event loop busy.*`isolate: true`/,
  );
});

test('handlers that wait for others which do not give way have all of their time', async (t) => {
  const clock = new ManualClock();
  const task = defineTask('turns', { timeout: '2s', attempts: 1, run: () => clock.stall(1_500) });
  const f = await engineFixture(t, [task], { clock });
  await f.clock.advance(0);
  const all = await Promise.all([f.submit(), f.submit(), f.submit()]);
  for (const { id } of all) assert.equal((await f.final(id)).state, 'completed');
});
