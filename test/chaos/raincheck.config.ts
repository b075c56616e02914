import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineTask, TaskError, type TaskContext } from 'raincheck';

/**
 * The tasks of the chaos run. Every handler writes when it starts and when it ends into a file of
 * its own (CHAOS_LOG), synchronously. What kill -9 leaves there shows what really ran, whatever the
 * store says.
 */
const file = process.env['CHAOS_LOG'] ?? '';

/** `marker` is the same for all copies of a request that the client means once. */
export type ChaosInput = {
  readonly marker: string;
  readonly ms: number;
  readonly failures: number;
  readonly key: string;
};

export const attemptsMax = 3;
export const keyLimit = 2;
export const bulkChars = 40_000;

function note(...words: string[]): void {
  if (file !== '') appendFileSync(file, `${words.join(' ')}\n`);
}

async function logged<Result>(
  { operation, input }: TaskContext<ChaosInput>,
  run: () => Promise<Result> | Result,
): Promise<Result> {
  note('start', operation.id, operation.task, input.marker, input.key);
  try {
    return await run();
  } finally {
    note('end', operation.id, operation.task, input.marker, input.key);
  }
}

const common = { attempts: attemptsMax, retry: { base: 40, cap: 200 } };
type Context = TaskContext<ChaosInput>;

note('boot', String(process.pid));

export default defineConfig({
  webhooks: { retryPauses: Array.from({ length: 11 }, () => 150) },
  tasks: [
    defineTask('quick', {
      ...common,
      run: (context) => logged(context as Context, () => ({ marker: markerOf(context) })),
    }),
    defineTask('bulk', {
      ...common,
      run: (context) =>
        logged(context as Context, () => ({
          marker: markerOf(context),
          text: 'x'.repeat(bulkChars),
        })),
    }),
    defineTask('countdown', {
      ...common,
      run: (context) =>
        logged(context as Context, async () => {
          const { ms } = context.input as ChaosInput;
          for (let step = 1; step <= 4; step += 1) {
            await sleep(ms / 4, undefined, { signal: context.signal });
            context.progress({ current: step, total: 4 });
          }
          return { marker: markerOf(context) };
        }),
    }),
    defineTask('flaky', {
      ...common,
      run: (context) =>
        logged(context as Context, () => {
          const { failures } = context.input as ChaosInput;
          if (context.attempt <= failures) throw new TaskError('not yet');
          return { marker: markerOf(context) };
        }),
    }),
    defineTask('keyed', {
      ...common,
      concurrency: { limit: keyLimit, key: (input) => (input as ChaosInput).key },
      run: (context) =>
        logged(context as Context, async () => {
          await sleep((context.input as ChaosInput).ms / 10);
          return { marker: markerOf(context) };
        }),
    }),
  ],
});

function markerOf(context: TaskContext): string {
  return (context.input as ChaosInput).marker;
}
