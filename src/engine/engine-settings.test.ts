import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';

const store = memoryStore();
const a = defineTask('a', { run: () => 1 });
const alsoA = defineTask('a', { path: '/b', run: () => 1 });
const samePath = defineTask('b', { path: '/a', run: () => 1 });

const wrong: [string, Record<string, unknown>, RegExp][] = [
  ['no store', { tasks: [a] }, /`store` to be an open store, got undefined/],
  ['no tasks', { store }, /`tasks` to be an array of tasks/],
  [
    'a task that is only its options',
    { store, tasks: [{ run: () => 1 }] },
    /`tasks\[0\]` to be what defineTask/,
  ],
  ['two tasks of one name', { store, tasks: [a, alsoA] }, /Two tasks have the name `a`/],
  [
    'two tasks of one path',
    { store, tasks: [a, samePath] },
    /Tasks a and b have the same path \/a/,
  ],
  [
    'a task of the name of one of our own, which is not there without webhooks',
    { store, tasks: [defineTask('webhooks.redrive', { run: () => 1 })] },
    /The name `webhooks\.redrive` is one of Raincheck's own: choose another/,
  ],
  [
    'a task of the name of a batch',
    { store, tasks: [defineTask('operations.batch-remove', { path: '/b', run: () => 1 })] },
    /The name `operations\.batch-remove` is one of Raincheck's own/,
  ],
  [
    'no slots',
    { store, tasks: [a], concurrency: 0 },
    /`concurrency` to be an integer from 1 to 10000/,
  ],
  ['a lease too short', { store, tasks: [a], lease: 10 }, /`lease` to be a duration from 1s/],
  ['a grace in words', { store, tasks: [a], grace: 'some' }, /`grace` to be a duration/],
];
for (const [what, options, message] of wrong) {
  test(`an engine with ${what} is refused as invalid_option`, () => {
    assert.throws(() => createEngine(options as never), { code: 'invalid_option', message });
  });
}

test('defaults are enough', async () => {
  const engine = createEngine({ store, tasks: [a] });
  assert.deepEqual([...engine.tasks.keys()], ['a']);
  await engine.stop();
});
