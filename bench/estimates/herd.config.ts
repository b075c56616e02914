import { setTimeout as sleep } from 'node:timers/promises';
import { defineConfig, defineTask } from '../../src/index.ts';

/** Operations that end together: each at the instant in its input, whenever it started. */
export default defineConfig({
  tasks: [
    defineTask('warm', { run: () => null }),
    defineTask('herd', {
      estimate: `${Number(process.env['HERD_ESTIMATE_MS'] ?? 60_000)}ms`,
      run: async ({ input, signal }) => {
        const { until } = input as { until: number };
        await sleep(Math.max(0, until - Date.now()), undefined, { signal });
      },
    }),
  ],
});
