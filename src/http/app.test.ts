import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { createApp } from './app.ts';

it('Every option of an app is checked, with its name and without its secret', () => {
  const engine = createEngine({ store: memoryStore(), tasks: [] });
  const refused: Record<string, unknown>[] = [
    { basePath: 'ops' },
    { basePath: '/ops?x' },
    { publicUrl: 'example.com' },
    { publicUrl: 'https://example.com/?x=1' },
    { token: 'short' },
    { token: 'has a space in it' },
    { bodyBytesMax: 0 },
    { basepath: '/ops' },
  ];
  for (const options of refused) {
    const [name, value] = Object.entries(options)[0]!;
    assert.throws(
      () => createApp({ engine, ...options }),
      (error) => {
        assert.ok(error instanceof RaincheckError && error.code === 'invalid_option');
        assert.ok(error.message.includes(name));
        if (name === 'token') assert.ok(!error.message.includes(String(value)));
        return true;
      },
    );
  }
});

it('Two tasks at one address, or at one of ours, are refused by name', () => {
  const conflicts: [string, string][] = [
    ['/a', '/a'],
    ['/a/async', '/a'],
    ['/operations', '/b'],
    ['/tasks/x', '/b'],
    ['/livez', '/b'],
  ];
  for (const [one, two] of conflicts) {
    const tasks = [
      defineTask('one', { path: one, run: () => 1 }),
      defineTask('two', { path: two, run: () => 1 }),
    ];
    const make = (): unknown =>
      createApp({ engine: createEngine({ store: memoryStore(), tasks }) });
    assert.throws(make, { code: 'invalid_option' }, `${one} and ${two}`);
    if (one === '/a/async') {
      assert.throws(make, /Task 'two' needs the address \/a\/async, which task 'one' has/);
    }
  }
});
