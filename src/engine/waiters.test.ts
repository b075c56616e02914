import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limits } from '../core/limits.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate } from './engine.fixture.ts';

const hold = () => {
  const work = gate<string>();
  return { work, task: defineTask('held', { run: () => work.promise }) };
};

test('a wait ends with the change it waits for, not before', async (t) => {
  const { work, task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const { id, version } = await f.submit();
  const wait = { id, tenant: '', timeoutMs: 60_000 };
  const seen: string[] = [];
  const started = f.engine
    .waitFor({ ...wait, until: 'change', version })
    .then(({ state }) => seen.push(state));
  const ended = f.engine
    .waitFor({ ...wait, until: 'final', version })
    .then(({ state }) => seen.push(state));
  await f.clock.advance(0);
  assert.deepEqual(seen, []);
  await f.engine.start();
  await started;
  assert.deepEqual(seen, ['running']);
  work.open('done');
  await ended;
  assert.deepEqual(seen, ['running', 'completed']);
});

test('a wait for a version that is past, or for what is final, does not wait', async (t) => {
  const { work, task } = hold();
  work.open('done');
  const f = await engineFixture(t, [task]);
  const { id, version } = await f.submit();
  const done = await f.final(id);
  const wait = { id, tenant: '', timeoutMs: 60_000 };
  assert.deepEqual(await f.engine.waitFor({ ...wait, until: 'change', version }), done);
  assert.deepEqual(
    await f.engine.waitFor({ ...wait, until: 'change', version: done.version }),
    done,
    'final: nothing will ever change',
  );
});

test('a wait ends at its timeout, or with its signal, with the operation as it is', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const { id, version } = await f.submit();
  const wait = { id, tenant: '', until: 'change' as const, version };
  let ended = 0;
  const timed = f.engine.waitFor({ ...wait, timeoutMs: 2_500 }).finally(() => (ended += 1));
  await f.clock.advance(2_499);
  assert.equal(ended, 0);
  await f.clock.advance(1);
  assert.equal((await timed).version, version);
  const client = new AbortController();
  const left = f.engine.waitFor({ ...wait, timeoutMs: 2_500, signal: client.signal });
  await f.clock.advance(1);
  client.abort();
  assert.equal((await left).version, version);
  assert.equal(
    (await f.engine.waitFor({ ...wait, timeoutMs: 2_500, signal: client.signal })).version,
    version,
    'one that comes aborted',
  );
  await f.clock.advance(0);
  assert.equal(f.clock.sleepers, 0, 'no timer is left that keeps the process alive');
});

test('a change made by another process is seen at the next poll', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const other = await engineFixture(t, [task], { start: false, store: f.store, clock: f.clock });
  const { id } = await f.submit();
  const ended = f.final(id);
  await f.clock.advance(0);
  await other.engine.cancel({ id, tenant: '' });
  await f.clock.advance(1_000);
  assert.equal((await ended).error?.code, 'cancelled');
});

test('with many waiting ids each has its turn in the poll', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const ids: string[] = [];
  for (let i = 0; i < 500; i += 1) ids.push((await f.submit()).id);
  const waiting = ids.map((id) => f.final(id));
  await f.clock.advance(0);
  for (const id of ids.slice(400)) await f.store.requestCancel({ id, now: f.clock.now() });
  await f.clock.advance(3_000);
  for (const { state } of await Promise.all(waiting.slice(400))) assert.equal(state, 'failed');
});

test('past the cap a wait is answered as things stand', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const { id, version } = await f.submit();
  const wait = { id, tenant: '', until: 'change' as const, version, timeoutMs: 60_000 };
  const waiting = Array.from({ length: limits.waitersMax }, () => f.engine.waitFor(wait));
  await f.clock.advance(0);
  assert.equal((await f.engine.waitFor(wait)).version, version);
  await f.engine.cancel({ id, tenant: '' });
  for (const { state } of await Promise.all(waiting)) assert.equal(state, 'failed');
});

test('a stop answers all who wait', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const { id } = await f.submit();
  const waiting = f.final(id);
  await f.clock.advance(0);
  await f.engine.stop();
  assert.equal((await waiting).state, 'ready');
});

test('waiting for what is removed meanwhile ends as gone', async (t) => {
  const { task } = hold();
  const f = await engineFixture(t, [task], { start: false });
  const { id } = await f.submit();
  const waiting = assert.rejects(f.final(id), { code: 'operation_gone' });
  await f.clock.advance(0);
  const now = f.clock.now();
  await f.store.requestCancel({ id, now });
  await f.store.removeOperation({ id, now, goneUntil: now + 100_000 });
  await f.clock.advance(1_000);
  await waiting;
});
