import { setTimeout } from 'node:timers/promises';
import { defineConfig, defineTask, file, TaskError } from 'raincheck';
import { z } from 'zod';

/** A task for each outcome that a workflow of the Arazzo document can have. */
const small = defineTask('small.sum', {
  description: 'Adds two numbers.',
  input: z.object({ a: z.number().default(1), b: z.number().default(2) }),
  run: ({ input }) => ({ sum: input.a + input.b }),
});

/** Takes longer than one poll: a runner waits a second before the next. */
const slow = defineTask('slow', {
  async run({ signal }) {
    await setTimeout(1_500, null, { signal });
    return file('a,b\n1,2\n', { type: 'text/csv', name: 'table.csv' });
  },
});

const doomed = defineTask('doomed', {
  run() {
    throw new TaskError('The printer has no paper.', { retryable: false });
  },
});

/** Refers into its own schema, and to itself. */
type Node = { name: string; next?: Node | undefined };
const node: z.ZodType<Node> = z.lazy(() => z.object({ name: z.string(), next: node.optional() }));
const nested = defineTask('nested', {
  path: '/deep/nested',
  input: z.object({ first: node, second: node.optional() }),
  run: ({ input }) => input.first.name,
});

export default defineConfig({ tasks: [small, slow, doomed, nested] });
