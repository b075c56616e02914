import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { openPostgresStore } from './postgres-store.ts';

/**
 * A worker as a process of its own: `node worker-process.fixture.ts url schema log`. Its handlers
 * write when they start and end into a file that all of them share. That file shows what really
 * ran, whatever the store says.
 */
export const keyLimit = 2;
export const leaseMs = 1_000;

/** The task that workers run; a process that only accepts needs its definition as well. */
export function keyedTask(note: (...words: string[]) => void) {
  return defineTask('keyed', {
    concurrency: { limit: keyLimit, key: (input) => (input as { key: string }).key },
    run: async ({ operation, input, signal }) => {
      const { key } = input as { key: string };
      note('start', operation.id, key);
      // Takes some time, so that attempts overlap and the limit matters.
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 4);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
      note('end', operation.id, key);
      return { key };
    },
  });
}

if (import.meta.main) {
  const [url = '', schema = '', log = ''] = process.argv.slice(2);
  const store = await openPostgresStore({ url, schema });
  const engine = createEngine({
    store,
    tasks: [keyedTask((...words) => appendFileSync(log, `${process.pid} ${words.join(' ')}\n`))],
    // Fewer than all keys allow together, so that both processes are needed.
    concurrency: 12,
    lease: leaseMs,
  });
  await engine.start();
  process.stdout.write('started\n');
  process.once('SIGTERM', () => {
    void engine.stop().then(() => store.close());
  });
}
