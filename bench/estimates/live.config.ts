import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineTask } from '../../src/index.ts';

/**
 * One task for each type of operation in the trace. An operation takes as long as its input says.
 */
const types = (process.env['LIVE_TYPES'] ?? '').split(',').filter((type) => type !== '');

export default defineConfig({
  tasks: types.map((type) =>
    defineTask(type, {
      run: async ({ input, signal }) => {
        await sleep((input as { ms: number }).ms, undefined, { signal });
      },
    }),
  ),
});
