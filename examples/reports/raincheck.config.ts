import { defineConfig } from 'raincheck';
import { reports } from './reports.ts';
import { countdown, flaky, noop, spin } from './small-tasks.ts';

/**
 * The config file that `raincheck dev` and `raincheck serve` look for: the tasks, and any settings
 * that you want to keep here.
 */
export default defineConfig({
  tasks: [reports, countdown, flaky, noop, spin],
});
