import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineTask, TaskError, type TaskContext } from 'raincheck';

/**
 * The tasks of the run over many nodes. Every handler writes when it starts and when it ends into
 * one file that all processes share (CHAOS_LOG). That file shows what really ran, whatever the
 * store says.
 */
export type NodesInput = {
  readonly marker: string;
  readonly key: string;
  /** Attempts that fail. */
  readonly failures: number;
};

export const keyLimit = 2;

const file = process.env['CHAOS_LOG'] ?? '';

function note(word: 'start' | 'end', { operation, input }: TaskContext<NodesInput>): void {
  const { marker, key } = input;
  const words = [process.pid, word, operation.id, operation.task, marker, key];
  if (file !== '') appendFileSync(file, `${words.join(' ')}\n`);
}

async function run(context: TaskContext<NodesInput>): Promise<{ marker: string }> {
  note('start', context);
  try {
    // Takes some time, so that attempts overlap and the limit matters.
    await sleep(10);
    if (context.attempt <= context.input.failures) throw new TaskError('not yet');
    return { marker: context.input.marker };
  } finally {
    note('end', context);
  }
}

const common = {
  attempts: 3,
  retry: { base: 40, cap: 200 },
  run: (context: TaskContext) => run(context as TaskContext<NodesInput>),
};

export default defineConfig({
  lease: 2_000,
  webhooks: { attemptTimeout: 2_000, retryPauses: Array.from({ length: 11 }, () => 150) },
  tasks: [
    defineTask('plain', common),
    defineTask('keyed', {
      ...common,
      concurrency: { limit: keyLimit, key: (input) => (input as NodesInput).key },
    }),
  ],
});
