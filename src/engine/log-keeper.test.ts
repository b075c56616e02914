import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import type { KeptLine } from '../core/log-line.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { AppendLogs, Store } from '../store/store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate, untilAborted, type Fixture } from './engine.fixture.ts';
import * as isolated from './isolated-tasks.fixture.ts';
import { systemClock } from './system-clock.ts';
import type { TaskContext } from './task.ts';
import type { ManualClock } from '../testing/manual-clock.ts';

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

/** Records the calls of appendLogs, each as the numbers of its lines. */
function recording(inner: Store = memoryStore()): { store: Store; calls: number[][] } {
  const calls: number[][] = [];
  const store = new Proxy(inner, {
    get(target, verb) {
      const value: unknown = Reflect.get(target, verb);
      if (typeof value !== 'function') return value;
      return (p: AppendLogs): unknown => {
        if (verb === 'appendLogs') calls.push(p.entries.map(({ lines }) => lines.length));
        return Reflect.apply(value, target, [p]);
      };
    },
  });
  return { store, calls };
}

function logsOf(f: Fixture, id: string, after = 0): Promise<readonly KeptLine[]> {
  return f.engine.logs({ id, tenant: '', after, limit: limits.logPageLines });
}

async function messagesOf(f: Fixture, id: string): Promise<string[]> {
  return (await logsOf(f, id)).map(({ message }) => message);
}

test('an attempt that logs nothing never asks the store to keep lines', async (t) => {
  const { store, calls } = recording();
  const f = await engineFixture(t, [defineTask('quiet', { run: () => 1 })], { store });
  await f.final((await f.submit()).id);
  assert.deepEqual(calls, []);
});

test('what a short attempt logs is stored with its end, in one call, and in the log of the server', async (t) => {
  const { store, calls } = recording();
  const task = defineTask('short', {
    run({ log, operation }) {
      log.info('one', { rows: 3 });
      log.warn('two');
      log.error('three', { id: operation.id });
      return null;
    },
  });
  const f = await engineFixture(t, [task], { store });
  const { id } = await f.submit();
  await f.final(id);
  assert.deepEqual(calls, [[3]]);
  const at = f.clock.now();
  assert.deepEqual(await logsOf(f, id), [
    { number: 1, at, attempt: 1, level: 'info', message: 'one', fields: '{"rows":3}' },
    { number: 2, at, attempt: 1, level: 'warn', message: 'two', fields: null },
    { number: 3, at, attempt: 1, level: 'error', message: 'three', fields: `{"id":"${id}"}` },
  ]);
  const told = f.lines.find(({ message }) => message === 'one');
  assert.deepEqual(told?.fields, { rows: 3, operation: id, task: 'short', attempt: 1 });
});

test('a long attempt stores its lines while it runs, at most every 500 ms', async (t) => {
  const { store, calls } = recording();
  const { task, context, work } = held();
  const f = await engineFixture(t, [task], { store });
  const { id, version } = await f.submit();
  const { log } = await context;
  log.info('a');
  log.info('b');
  await f.clock.advance(199);
  assert.deepEqual(calls, [], 'they wait for company');
  await f.clock.advance(1);
  assert.deepEqual(calls, [[2]]);
  assert.deepEqual(await messagesOf(f, id), ['a', 'b']);
  log.info('c');
  await f.clock.advance(499);
  assert.deepEqual(calls, [[2]]);
  await f.clock.advance(1);
  assert.deepEqual(calls, [[2], [1]]);
  assert.equal((await f.read(id)).version, version + 1, 'lines are no change of the operation');
  await f.clock.advance(60_000);
  assert.deepEqual(calls, [[2], [1]], 'nothing new, nothing sent');
  log.info('d');
  work.open('done');
  assert.equal((await f.final(id)).state, 'completed');
  assert.deepEqual(await messagesOf(f, id), ['a', 'b', 'c', 'd']);
});

test('lines of many attempts that are due share a call', async (t) => {
  const { store, calls } = recording();
  const task = defineTask('held', {
    run({ log, signal }) {
      log.info('here');
      return untilAborted(signal);
    },
  });
  const f = await engineFixture(t, [task], { store });
  for (let i = 0; i < 10; i += 1) await f.submit();
  await f.clock.advance(500);
  assert.deepEqual(calls, [Array.from({ length: 10 }, () => 1)]);
});

test('each attempt has its number, and a failed one keeps its last words', async (t) => {
  const task = defineTask('twice', {
    attempts: 2,
    retry: { base: 1, cap: 1 },
    run({ log, attempt }) {
      log.info(`try ${attempt}`);
      throw new Error('no');
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.clock.advance(10);
  assert.equal((await f.final(id)).state, 'failed');
  const lines = await logsOf(f, id);
  assert.deepEqual(
    lines.map(({ attempt, message, number }) => [number, attempt, message]),
    [
      [1, 1, 'try 1'],
      [2, 2, 'try 2'],
    ],
  );
});

for (const level of [undefined, 'info', 'debug', 'trace']) {
  test(`debug lines are kept only where they are written, too: ${level}`, async (t) => {
    const task = defineTask('chatty', {
      run({ log }) {
        log.debug('details');
        log.info('news');
      },
    });
    const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const f = await engineFixture(t, [task], { logger: { level, ...silent } });
    const { id } = await f.submit();
    await f.final(id);
    const kept = level === 'debug' || level === 'trace' ? ['details', 'news'] : ['news'];
    assert.deepEqual(await messagesOf(f, id), kept);
  });
}

test('secrets are left out by name, and whatever is logged the attempt goes on', async (t) => {
  const cycle: Record<string, unknown> = { a: 1 };
  cycle['self'] = cycle;
  const trap = {
    fine: 1,
    get broken() {
      throw new Error('trap');
    },
  };
  const task = defineTask('odd', {
    run({ log }) {
      log.info('secrets', { password: 'p', deep: [{ Authorization: 'Bearer x', ok: 1 }] });
      log.info('cycle', { cycle, n: 1n, f: () => 1, u: undefined });
      log.info('trap', trap);
      log.info('error', new Error('no paper', { cause: new Error('deeper') }));
      log.info(undefined as unknown as string);
      log.info('a\0b\ud800', { 'c\0': '\ud800' });
      return 'through';
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  assert.equal((await f.final(id)).result?.inline, '"through"');
  const lines = await logsOf(f, id);
  assert.deepEqual(
    lines.map(({ message, fields }) => [message, JSON.parse(fields ?? 'null')]),
    [
      ['secrets', { password: '[redacted]', deep: [{ Authorization: '[redacted]', ok: 1 }] }],
      ['cycle', { cycle: '[cannot be shown]', n: '[cannot be shown]' }],
      ['trap', { fine: 1 }],
      [
        'error',
        {
          err: { type: 'Error', message: 'no paper', cause: { type: 'Error', message: 'deeper' } },
        },
      ],
      ['a\uFFFDb\uFFFD', { 'c\0': '\ud800' }],
    ],
  );
});

test('a line is cut to its limit, wherever it is long', async (t) => {
  const long = 'x'.repeat(100_000);
  const task = defineTask('long', {
    run({ log }) {
      log.info(long);
      log.info('\u0001'.repeat(5_000));
      log.info(long, { id: 7, long, also: 1 });
      log.info('short', {
        first: 1,
        long: '日'.repeat(5_000),
        list: Array.from({ length: 5_000 }, () => 1),
        last: 2,
      });
    },
  });
  const f = await engineFixture(t, [task]);
  const { id } = await f.submit();
  await f.final(id);
  const lines = await logsOf(f, id);
  for (const { message, fields } of lines) {
    const bytes = Buffer.byteLength(JSON.stringify(message)) + Buffer.byteLength(fields ?? '');
    assert.ok(bytes > 1_000 && bytes <= limits.logLineBytes, `${bytes} bytes`);
  }
  assert.match(lines[0]!.message, /^x+…$/);
  assert.ok(lines[1]!.message.startsWith('\u0001') && lines[1]!.message.endsWith('…'));
  const [both, fields] = lines.slice(2).map((line) => JSON.parse(line.fields!) as object);
  assert.deepEqual({ ...both, long: null }, { id: 7, long: null, '…': '1 more did not fit' });
  const { long: cut, ...others } = fields as { long: string };
  assert.match(cut, /^日+…$/);
  assert.deepEqual(others, { first: 1, '…': '2 more did not fit' });
});

test('a runaway logger keeps its first and latest lines, and says how many are missing', async (t) => {
  const { store, calls } = recording();
  const { task, context, work } = held();
  const f = await engineFixture(t, [task], { store });
  const { id } = await f.submit();
  const { log } = await context;
  for (let i = 1; i <= 100_000; i += 1) log.debug(`unseen ${i}`);
  for (let i = 1; i <= 10_000; i += 1) log.info(`line ${i}`);
  await f.clock.advance(200);
  assert.deepEqual(calls, [[limits.logBufferLines + 1]]);
  const half = limits.logBufferLines / 2;
  const messages = await messagesOf(f, id);
  assert.deepEqual(messages.slice(0, half + 1), [
    ...Array.from({ length: half }, (_, i) => `line ${i + 1}`),
    `${10_000 - limits.logBufferLines} lines were dropped here.`,
  ]);
  assert.deepEqual(
    messages.slice(half + 1),
    Array.from({ length: half }, (_, i) => `line ${10_000 - half + 1 + i}`),
  );
  for (let i = 1; i <= 1_000; i += 1) log.info(`${i} `.padEnd(1_000, 'x'));
  work.open('done');
  await f.final(id);
  const [, last] = calls;
  assert.ok(last![0]! * 1_000 <= limits.logBufferBytes + 3_000, `${last![0]} lines of 1,000`);
  assert.match((await messagesOf(f, id)).at(-1)!, /^1000 x/);
});

for (const when of ['before', 'after'] as const) {
  test(`a store that fails ${when} it wrote has every line once in the end`, async (t) => {
    const faulty = faultyStore(memoryStore(), { nth: 1, count: 3, when, verbs: ['appendLogs'] });
    const { task, context, work } = held();
    const f = await engineFixture(t, [task], { store: faulty.store });
    const { id } = await f.submit();
    const { log } = await context;
    for (let i = 0; i < 8; i += 1) {
      log.info(`line ${i}`);
      await f.clock.advance(250);
    }
    work.open('done');
    await f.final(id);
    assert.equal(faulty.failures(), 3);
    assert.deepEqual(
      await messagesOf(f, id),
      Array.from({ length: 8 }, (_, i) => `line ${i}`),
    );
    const told = f.lines.filter(({ message }) => message.includes('store what handlers log'));
    assert.deepEqual(
      told.map(({ level }) => level),
      ['error', 'info'],
    );
  });
}

test('the last lines are sent again with the settle that is repeated', async (t) => {
  const verbs = ['appendLogs', 'settleAttempts'] as const;
  const faulty = faultyStore(memoryStore(), { nth: 1, count: 4, when: 'before', verbs });
  const task = defineTask('short', {
    run({ log }) {
      log.info('last words');
    },
  });
  const f = await engineFixture(t, [task], { store: faulty.store });
  const { id } = await f.submit();
  await f.clock.advance(5_000);
  assert.equal((await f.final(id)).state, 'completed');
  assert.equal(faulty.failures(), 4);
  assert.deepEqual(await messagesOf(f, id), ['last words']);
});

test('a line from a lost lease changes nothing', async (t) => {
  const { task, context } = held();
  const f = await engineFixture(t, [task], { start: false });
  const { id } = await f.submit();
  await f.engine.start();
  const { log } = await context;
  log.info('mine');
  await f.clock.advance(200);
  await f.store.sweepExpired({ now: f.clock.now(), limit: 10, recoveriesMax: 3, workerDead: true });
  log.info('no longer mine');
  await f.clock.advance(500);
  log.info('nor this');
  await f.clock.advance(500);
  const own = (await messagesOf(f, id)).filter(
    (message) => message.includes('mine') || message.includes('nor'),
  );
  assert.deepEqual(own, ['mine']);
});

test('an isolated handler logs as any other, to its last line', async (t) => {
  const f = await engineFixture(t, [isolated.logger], {
    clock: systemClock as unknown as ManualClock,
    threads: 1,
  });
  const { id } = await f.submit();
  const done = await f.final(id);
  assert.equal(done.state, 'completed', JSON.stringify(done.error));
  const lines = await logsOf(f, id);
  assert.deepEqual(
    lines.map(({ level, message, fields }) => [level, message, fields]),
    [
      ['info', 'from the thread', '{"token":"[redacted]","n":1}'],
      ...Array.from({ length: 50 }, (_, i) => ['warn', `line ${i}`, null]),
      ['error', 'no function can be sent', null],
    ],
  );
});
