import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';
import type { Tell } from './engine.ts';
import { engineFixture, gate, untilAborted } from './engine.fixture.ts';

/** How the engine informs others: the outbox in the store's commits, and news as they happen. */
function news() {
  const told: string[] = [];
  const progressTold = gate();
  const tell: Tell = (event, { progress, state, attempt }) => {
    told.push(`${event} ${state} ${attempt} ${progress?.fraction ?? '-'}`);
    if (event === 'progress') progressTold.open();
  };
  return { told, tell, progressTold: progressTold.promise };
}

/** The verbs that were called with that outbox. */
function withOutbox(outbox: Outbox): { store: Store; verbs: Set<string> } {
  const verbs = new Set<string>();
  const store = new Proxy(memoryStore(), {
    get(inner, verb) {
      const value: unknown = Reflect.get(inner, verb);
      if (typeof value !== 'function') return value;
      return (p: { outbox?: Outbox } | undefined): unknown => {
        if (p?.outbox === outbox) verbs.add(String(verb));
        return Reflect.apply(value, inner, [p]);
      };
    },
  });
  return { store, verbs };
}

test('the first attempt is told as the start, its retries are not, and its progress is', async (t) => {
  const { told, tell } = news();
  const goOn = gate();
  const task = defineTask('twice', {
    retry: { base: 1, cap: 1 },
    async run({ attempt, progress }) {
      if (attempt === 1) throw new Error('not yet');
      progress(0.5);
      await goOn.promise;
      return null;
    },
  });
  const f = await engineFixture(t, [task], { tell });
  const { id } = await f.submit();
  await f.clock.advance(10);
  goOn.open();
  await f.final(id);
  assert.deepEqual(told, ['started running 1 -', 'progress running 2 0.5']);
});

test('progress that is recorded with the end is no news of its own', async (t) => {
  const { told, tell, progressTold } = news();
  const task = defineTask('brief', {
    async run({ progress }) {
      progress(0.1);
      await progressTold; // the next report must wait its turn
      progress(1);
      return null;
    },
  });
  const f = await engineFixture(t, [task], { tell });
  const done = await f.final((await f.submit()).id);
  assert.equal(done.progress?.fraction, 1);
  await f.clock.advance(2_000);
  assert.deepEqual(told, ['started running 1 -', 'progress running 1 0.1']);
});

test('every verb that can make an operation final gets the outbox', async (t) => {
  const outbox: Outbox = () => [];
  const { store, verbs } = withOutbox(outbox);
  const held = defineTask('held', { run: ({ signal }) => untilAborted(signal) });
  const f = await engineFixture(t, [held], { store, outbox });
  assert.ok(verbs.has('sweepExpired'), 'the recovery at start sweeps');
  verbs.clear();
  await f.clock.advance(1_000);
  assert.deepEqual([...verbs], ['sweepExpired'], 'and so does the sweeper');
  const { id } = await f.submit();
  await f.clock.advance(0);
  await f.engine.cancel({ id, tenant: '' });
  await f.final(id);
  assert.deepEqual([...verbs].sort(), ['requestCancel', 'settleAttempts', 'sweepExpired']);
});

test("a task of Raincheck's own runs, and stands in no list of tasks", async (t) => {
  const own = defineTask('own.task', { run: () => 'done' });
  const f = await engineFixture(t, [], { builtInTasks: [own] });
  const { id } = await f.submit(null, { task: 'own.task' });
  assert.equal((await f.final(id)).result?.inline, '"done"');
  assert.deepEqual([...f.engine.tasks.keys()], []);
  await assert.rejects(f.engine.setTaskPaused({ task: 'own.task', paused: true }), {
    code: 'task_not_found',
  });
  await f.clock.advance(0);
  assert.deepEqual(
    f.lines.filter(({ message }) => message.includes('not defined here')),
    [],
  );
});

test("a user's task cannot take the name of one of Raincheck's own", () => {
  const own = defineTask('own.task', { run: () => 1 });
  const theirs = defineTask('own.task', { path: '/theirs', run: () => 2 });
  const options = { store: memoryStore(), tasks: [theirs], builtInTasks: [own] };
  const message = /The name `own\.task` is one of Raincheck's own/;
  assert.throws(() => createEngine(options), { code: 'invalid_option', message });
});
