import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask, TaskError } from 'raincheck';
import { z } from 'zod';

/** Small tasks to try things with: progress, retries, cancelling, a busy loop. */

/** Counts down, one step a second, reporting progress. With `fail` it fails at the end. */
export const countdown = defineTask('countdown', {
  description: 'Counts down from so many seconds.',
  input: z.strictObject({
    seconds: z.number().int().min(1).max(3600).default(10),
    fail: z.boolean().optional(),
  }),
  timeout: '2h',
  async run({ input, progress, signal, log }) {
    for (let gone = 0; gone < input.seconds; gone += 1) {
      progress({ current: gone, total: input.seconds }, `${input.seconds - gone} to go`);
      log.info('counting', { left: input.seconds - gone });
      await sleep(1000, undefined, { signal }); // a cancelled countdown stops within the second
    }
    if (input.fail === true) {
      throw new TaskError('The countdown was asked to fail.', { retryable: false });
    }
    progress({ current: input.seconds, total: input.seconds }, 'done');
    return { counted: input.seconds };
  },
});

/** Fails the first `failures` attempts, then works; it shows what a retry looks like. */
export const flaky = defineTask('flaky', {
  description: 'Fails so many times before it works.',
  input: z.strictObject({ failures: z.number().int().min(0).max(10).default(2) }),
  attempts: 4,
  retry: { base: '500ms', factor: 2, cap: '5s' },
  run({ input, attempt, log }) {
    log.info('asking upstream', { attempt });
    if (attempt <= input.failures) throw new Error(`Upstream answered 503 (attempt ${attempt}).`);
    return { attempts: attempt };
  },
});

/** Does nothing, so that only the work of Raincheck itself remains. */
export const noop = defineTask('noop', {
  description: 'Does nothing and answers what it was given.',
  run: ({ input }) => input ?? null,
});

/**
 * Keeps a processor busy and never looks at `signal`, as a runaway calculation would. `isolate`
 * runs it in a thread of its own, so that the server goes on answering and the timeout can end it.
 */
export const spin = defineTask('spin', {
  description: 'Keeps a processor busy for so many seconds.',
  input: z.strictObject({ seconds: z.number().positive().max(3600).default(5) }),
  isolate: true,
  timeout: '30s',
  attempts: 1,
  run({ input }) {
    const end = performance.now() + input.seconds * 1000;
    let turns = 0;
    while (performance.now() < end) turns += 1;
    return { turns };
  },
});
