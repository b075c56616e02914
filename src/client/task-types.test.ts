import assert from 'node:assert/strict';
import { it } from 'node:test';
import { z } from 'zod';
import { defineTask } from '../engine/define-task.ts';
import { file } from '../engine/file.ts';
import type { Raincheck } from '../server/raincheck.ts';
import type { InputOf, OutputOf, TaskName } from './task-types.ts';

const countdown = defineTask('countdown', {
  input: z.object({ seconds: z.coerce.number(), loud: z.boolean().default(false) }),
  run: ({ input }) => ({ slept: input.seconds }),
});
const report = defineTask('report', { run: async () => file('%PDF', { type: 'application/pdf' }) });
type App = Raincheck<readonly [typeof countdown, typeof report]>;

/** true only when each type fits the other; `true satisfies Same<…>` then compiles. */
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;

it('names, inputs and outputs come from the type of the server (held by tsc)', () => {
  assert.ok(true satisfies Same<TaskName<App>, 'countdown' | 'report'>);
  assert.ok(true satisfies Same<OutputOf<App, 'countdown'>, { slept: number }>);
  assert.ok(true satisfies Same<OutputOf<App, 'report'>, File>);
  const input: InputOf<App, 'countdown'> = { seconds: 3 };
  assert.ok(input);
  assert.ok(true satisfies Same<TaskName<unknown>, string>);
  assert.ok(true satisfies Same<InputOf<unknown, 'anything'>, unknown>);
  assert.ok(true satisfies Same<OutputOf<unknown, 'anything'>, unknown>);
});
