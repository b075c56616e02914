import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { TaskError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { openSqliteStore } from '../store-sqlite/sqlite-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { batchTasks, type BatchAction } from './batch-input.ts';
import type { Batched } from './batch-task.ts';
import { defineTask } from './define-task.ts';
import type { EngineOptions } from './engine.ts';
import { engineFixture, untilAborted, type Fixture } from './engine.fixture.ts';

const tasks = [
  defineTask('held', { concurrency: 1, run: ({ signal }) => untilAborted(signal) }),
  defineTask('fine', { run: ({ input }) => input }),
  defineTask('broken', {
    run({ input }) {
      throw new TaskError(`No paper for ${JSON.stringify(input)}`, { retryable: false });
    },
  }),
  defineTask('tight', {
    pendingMax: 3,
    run() {
      throw new TaskError('No', { retryable: false });
    },
  }),
];

type Opened = { readonly store: Store; readonly close: () => Promise<void> };

const stores: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: async () => ({ store: memoryStore(), close: async () => undefined }),
  async sqlite() {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-batch-'));
    const file = path.join(folder, 'raincheck.db');
    const store = await openSqliteStore({ path: file, synchronous: 'normal' });
    return {
      store,
      async close() {
        await store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

async function batch(f: Fixture, action: BatchAction, body: object): Promise<Operation> {
  return f.submit(body, { task: batchTasks[action].name });
}

/**
 * The batch once it is final. Time passes meanwhile, as heartbeats and back-offs need, but no
 * faster than commits.
 */
async function ended(f: Fixture, id: string): Promise<Operation> {
  for (;;) {
    const operation = await f.read(id);
    if (operation.finishedAt !== null) return operation;
    await f.clock.advance(100);
    await f.store.ping();
  }
}

function resultOf({ result, error }: Operation): Batched {
  assert.equal(error, null);
  return JSON.parse(result?.inline ?? '') as Batched;
}

async function all(f: Fixture, filter: object): Promise<readonly Operation[]> {
  const found: Operation[] = [];
  let beforeId: string | null = null;
  do {
    const page = await f.store.listOperations({ filter, limit: 200, beforeId });
    found.push(...page.operations);
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
  return found;
}

async function failed(f: Fixture, count: number, task = 'broken'): Promise<readonly Operation[]> {
  const made: Operation[] = [];
  for (let i = 0; i < count; i += 1) {
    const { id } = await f.submit({ n: i, kind: i % 2 === 0 ? 'even' : 'odd' }, { task });
    made.push(await ended(f, id));
  }
  return made;
}

for (const [name, open] of Object.entries(stores)) {
  describe(`A batch on ${name}`, () => {
    const fixture = async (t: TestContext, p: Partial<EngineOptions> = {}): Promise<Fixture> => {
      const { store, close } = await open();
      const f = await engineFixture(t, tasks, { store, ...p });
      t.after(close); // after the engine has stopped
      return f;
    };

    it('cancels what its filter finds, waiting or running, and nothing else', async (t) => {
      const f = await fixture(t);
      const held: Operation[] = [];
      for (let i = 0; i < 120; i += 1) {
        held.push(await f.submit({ to: i % 2 === 0 ? 'even' : 'odd' }, { labels: { a: 'b' } }));
      }
      const other = await f.submit({ to: 'even' });
      const filter = { task: 'held', labels: { a: 'b' }, input: { to: 'even' } };
      const done = await ended(f, (await batch(f, 'cancel', { filter })).id);
      assert.deepEqual(resultOf(done), { matched: 60, changed: 60, skipped: 0, failed: 0 });
      assert.equal(done.progress?.total, 60);
      for (const [i, { id }] of held.entries()) {
        const now = i % 2 === 0 ? await ended(f, id) : await f.read(id);
        assert.equal(now.error?.code ?? null, i % 2 === 0 ? 'cancelled' : null);
      }
      assert.notEqual((await f.read(other.id)).state, 'failed');
    });

    it('removes the failed ones that its filter finds, and nothing else', async (t) => {
      const f = await fixture(t);
      const made = await failed(f, 120);
      const held = await f.submit({ kind: 'odd' }, { task: 'held' });
      f.clock.jump(1);
      const filter = { input: { kind: 'odd' } };
      const done = await ended(f, (await batch(f, 'remove', { filter })).id);
      assert.deepEqual(resultOf(done), { matched: 60, changed: 60, skipped: 0, failed: 0 });
      const even = made.filter((_, i) => i % 2 === 0).map(({ id }) => id);
      const left = await all(f, { task: 'broken' });
      assert.deepEqual(left.map(({ id }) => id).toSorted(), even.toSorted());
      assert.equal((await f.read(held.id)).finishedAt, null);
      await assert.rejects(f.read(made[1]?.id ?? ''), { code: 'operation_gone' });
    });

    it('removes completed ones only where the filter names them', async (t) => {
      const f = await fixture(t);
      await failed(f, 2);
      const good: Operation[] = [];
      for (let i = 0; i < 60; i += 1) {
        const { id } = await f.submit(
          { i },
          { task: 'fine', labels: { at: i < 55 ? 'old' : 'new' } },
        );
        good.push(await ended(f, id));
      }
      f.clock.jump(1);
      const unasked = await batch(f, 'remove', { filter: { task: 'fine' } });
      assert.equal(resultOf(await ended(f, unasked.id)).matched, 0);
      const filter = { status: ['completed', 'failed'], labels: { at: 'old' } };
      const done = await ended(f, (await batch(f, 'remove', { filter })).id);
      assert.deepEqual(resultOf(done), { matched: 55, changed: 55, skipped: 0, failed: 0 });
      assert.equal((await all(f, { task: 'fine' })).length, 5);
      assert.equal((await all(f, { task: 'broken' })).length, 2);
      await assert.rejects(f.read(good[0]?.id ?? ''), { code: 'operation_gone' });
    });

    it('retries what its filter finds, each once, as new operations', async (t) => {
      const f = await fixture(t);
      const made = await failed(f, 130);
      await failed(f, 2, 'tight');
      const filter = { task: 'broken', error: 'no PAPER', input: { kind: 'odd' } };
      f.clock.jump(1);
      const done = await ended(f, (await batch(f, 'retry', { filter })).id);
      assert.deepEqual(resultOf(done), { matched: 65, changed: 65, skipped: 0, failed: 0 });
      const retries = (await all(f, { task: 'broken' })).filter((one) => one.retryOf !== null);
      const odd = made.filter((_, i) => i % 2 === 1).map(({ id }) => id);
      assert.deepEqual(retries.flatMap((one) => one.retryOf ?? []).toSorted(), odd.toSorted());
    });

    it('takes at most its limit, the newest first', async (t) => {
      const f = await fixture(t);
      const made: Operation[] = [];
      for (let i = 0; i < 5; i += 1) {
        made.push(...(await failed(f, 1)));
        f.clock.jump(1);
      }
      const done = await ended(f, (await batch(f, 'retry', { filter: {}, limit: 2 })).id);
      assert.deepEqual(resultOf(done), { matched: 2, changed: 2, skipped: 0, failed: 0 });
      const retries = (await all(f, {})).filter((one) => one.retryOf !== null);
      const newest = made.slice(-2).map(({ id }) => id);
      assert.deepEqual(retries.flatMap((one) => one.retryOf ?? []).toSorted(), newest.toSorted());
    });

    it('never takes part in a batch, nor what is made after it', async (t) => {
      const f = await fixture(t);
      await failed(f, 1, 'tight');
      await f.engine.setTaskPaused({ task: 'tight', paused: true });
      // Fills the queue, so that the batch waits.
      for (let i = 0; i < 3; i += 1) await f.submit(null, { task: 'tight' });
      const waiting = await batch(f, 'retry', { filter: { task: 'tight' } });
      await f.clock.advance(10);
      assert.equal((await f.read(waiting.id)).state, 'running');
      const cancelling = await batch(f, 'cancel', { filter: {} });
      f.clock.jump(1);
      const later = await f.submit(null);
      assert.equal(resultOf(await ended(f, cancelling.id)).matched, 3);
      assert.equal((await f.read(waiting.id)).cancelRequestedAt, null);
      assert.equal((await f.read(later.id)).cancelRequestedAt, null);
      const own = await batch(f, 'cancel', { filter: { task: batchTasks.retry.name } });
      assert.equal(resultOf(await ended(f, own.id)).matched, 0);
      // Makes room again.
      await f.clock.advance(60_000);
      assert.deepEqual(resultOf(await ended(f, waiting.id)), {
        matched: 1,
        changed: 1,
        skipped: 0,
        failed: 0,
      });
    });

    it('takes no slot from what has to make room for it', async (t) => {
      const f = await fixture(t, { concurrency: 1 });
      for (let i = 0; i < 3; i += 1) {
        await failed(f, 3, 'tight');
        f.clock.jump(1);
      }
      const one = await batch(f, 'retry', { filter: { task: 'tight' } });
      const done = await ended(f, one.id);
      assert.deepEqual(resultOf(done), { matched: 9, changed: 9, skipped: 0, failed: 0 });
    });

    it('waits where the queue is full, and can be cancelled there', async (t) => {
      const f = await fixture(t);
      await failed(f, 5, 'tight');
      await f.engine.setTaskPaused({ task: 'tight', paused: true });
      f.clock.jump(1);
      const operation = await batch(f, 'retry', { filter: { task: 'tight' } });
      await f.clock.advance(1_000);
      assert.equal((await f.read(operation.id)).state, 'running');
      await f.engine.cancel({ id: operation.id, tenant: '' });
      await f.clock.advance(60_000);
      assert.equal((await ended(f, operation.id)).error?.code, 'cancelled');
      const retries = (await all(f, { task: 'tight' })).filter((one) => one.retryOf !== null);
      assert.equal(retries.length, 3);
    });

    it('counts what the server refuses and what others were faster with', async (t) => {
      const f = await fixture(t);
      await failed(f, 2);
      // An operation of a task that this process does not have.
      const { operation } = await f.engine.submit({
        task: 'broken',
        tenant: '',
        input: { value: {}, text: '{}' },
      });
      await ended(f, operation.id);
      f.clock.jump(1);
      const without = await engineFixture(t, [tasks[0]!], { store: f.store, clock: f.clock });
      await f.engine.stop({ now: true });
      const done = await ended(without, (await batch(without, 'retry', { filter: {} })).id);
      assert.deepEqual(resultOf(done), { matched: 3, changed: 0, skipped: 0, failed: 3 });
      assert.ok(without.lines.some(({ message }) => message.includes('could not retry')));
    });
  });

  describe(`A batch that is cut off on ${name}`, () => {
    /** At the nth call of `verb` the store fails once, before or after the call took effect. */
    async function cutOff(
      t: TestContext,
      p: {
        verb: 'createOperations' | 'requestCancel';
        when: 'before' | 'after';
        action: BatchAction;
      },
    ): Promise<void> {
      const { store: inner, close } = await open();
      const made = await engineFixture(t, tasks, { store: inner });
      const count = limits.batchChunk + 10;
      if (p.action === 'retry') await failed(made, count);
      else for (let i = 0; i < count; i += 1) await made.submit(null);
      await made.engine.stop({ now: true });
      made.clock.jump(1);
      const submits = p.action === 'retry' ? 1 : 0;
      const fault = { nth: submits + limits.batchChunk + 3, when: p.when, verbs: [p.verb] };
      const faulty = faultyStore(inner, fault);
      const f = await engineFixture(t, tasks, { store: faulty.store, clock: made.clock });
      t.after(close);
      const operation = await batch(f, p.action, { filter: {} });
      const done = await ended(f, operation.id);
      assert.equal(faulty.failures(), 1);
      assert.equal(done.attempt, 2);
      assert.deepEqual(resultOf(done), { matched: count, changed: count, skipped: 0, failed: 0 });
      if (p.action === 'cancel') {
        const ended = await all(f, { code: 'cancelled' });
        assert.equal(ended.length, count);
        return;
      }
      const retried = (await all(f, { task: 'broken' })).flatMap((one) => one.retryOf ?? []);
      assert.equal(retried.length, count);
      assert.equal(new Set(retried).size, count);
    }

    it('goes on however many workers it loses, where an operation of others is given up', async (t) => {
      const { store, close } = await open();
      let f = await engineFixture(t, tasks, { store });
      await failed(f, 5, 'tight');
      await f.engine.setTaskPaused({ task: 'tight', paused: true });
      const other = await f.submit(null);
      f.clock.jump(1);
      // Fills the queue, so that the batch waits after a part of its work.
      const operation = await batch(f, 'retry', { filter: { task: 'tight' } });
      const losses = limits.recoveriesMax + 2;
      for (let n = 0; n < losses; n += 1) {
        for (;;) {
          const { state, error } = await f.read(operation.id);
          assert.equal(error, null, `after ${n} losses`);
          if (state === 'running') break;
          await f.clock.advance(10);
        }
        // Leases that a process finds at its start belong to a dead one.
        f = await engineFixture(t, tasks, { store, clock: f.clock });
      }
      t.after(close);
      assert.equal((await f.read(other.id)).error?.code, 'worker_lost');
      await f.engine.setTaskPaused({ task: 'tight', paused: false });
      const done = await ended(f, operation.id);
      assert.deepEqual(resultOf(done), { matched: 5, changed: 5, skipped: 0, failed: 0 });
      assert.deepEqual([done.recoveries, done.attempt], [losses, 1]);
      const retried = (await all(f, { task: 'tight' })).flatMap((one) => one.retryOf ?? []);
      assert.equal(new Set(retried).size, 5);
      assert.equal(retried.length, 5);
    });

    for (const when of ['before', 'after'] as const) {
      it(`retries nothing twice, the store gone ${when} a retry`, (t) =>
        cutOff(t, { action: 'retry', verb: 'createOperations', when }));
      it(`cancels on, the store gone ${when} a cancel`, (t) =>
        cutOff(t, { action: 'cancel', verb: 'requestCancel', when }));
    }
  });
}
