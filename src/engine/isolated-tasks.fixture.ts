import { defineTask } from './define-task.ts';
import { TaskError } from '../core/errors.ts';
import { file } from './file.ts';

/**
 * Tasks for isolates.test.ts, in a module of their own because the worker threads import it again.
 */
export const spin = defineTask('spin', {
  isolate: true,
  timeout: 100,
  attempts: 1,
  run: () => {
    for (;;); // what only terminate() stops
  },
});

export const echo = defineTask('echo', {
  isolate: true,
  attempts: 1,
  run: async ({ input, progress, log, attempt, operation }) => {
    progress(0.25, 'a quarter');
    log.info('Hello from the thread.', { input });
    return { input, attempt, id: operation.id };
  },
});

export const bytes = defineTask('bytes', {
  isolate: true,
  run: () => file(new Uint8Array(100_000).fill(7), { type: 'application/x-seven', name: 'seven' }),
});

export const obedient = defineTask('obedient', {
  isolate: true,
  attempts: 1,
  run: async ({ signal, progress }) => {
    progress(0.5, 'waiting');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw signal.reason;
  },
});

export const thrower = defineTask('thrower', {
  isolate: true,
  run: () => {
    throw new TaskError('No such customer.', { retryable: false, status: 404, title: 'Gone' });
  },
});

export const quitter = defineTask('quitter', {
  isolate: true,
  attempts: 1,
  run: () => {
    process.exit(3);
  },
});

export const litterer = defineTask('litterer', {
  isolate: true,
  attempts: 1,
  run: () => {
    setTimeout(() => {
      throw new Error('left behind');
    }, 10);
    return 'done';
  },
});

export const missing = defineTask('missing', {
  isolate: { module: 'data:text/javascript,' },
  run: () => 1,
});

export const starter = defineTask('starter', {
  isolate: { module: new URL('./isolated-starter.fixture.ts', import.meta.url).href },
  run: () => 1,
});

export const logger = defineTask('logger', {
  isolate: true,
  run: ({ log }) => {
    log.info('from the thread', { token: 't', n: 1 });
    for (let i = 0; i < 50; i += 1) log.warn(`line ${i}`);
    log.error('no function can be sent', { f: () => 1 });
  },
});
