import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';
import { defineTask } from './define-task.ts';

test('a submitted operation runs and its result is kept', async () => {
  const clock = new ManualClock();
  const store = memoryStore();
  const task = defineTask('double', {
    input: z.object({ n: z.number() }),
    run: ({ input }) => ({ n: input.n * 2 }),
  });
  const engine = createEngine({ store, clock, tasks: [task] });
  await engine.start();
  const { operation } = await engine.submit({
    task: 'double',
    tenant: '',
    input: { value: { n: 4 }, text: '{"n":4}' },
  });
  const done = await engine.waitFor({
    id: operation.id,
    tenant: '',
    until: 'final',
    version: 0,
    timeoutMs: 1000,
  });
  assert.equal(done.state, 'completed');
  assert.equal(done.result?.inline, '{"n":8}');
  await engine.stop();
});
