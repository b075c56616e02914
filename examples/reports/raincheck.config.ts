import { defineConfig } from 'raincheck';
import { reports } from './reports.ts';
import { countdown, flaky, noop, spin } from './small-tasks.ts';

/** What `raincheck dev` and `raincheck serve` look for: the tasks, and any setting you like to keep here. */
export default defineConfig({
  tasks: [reports, countdown, flaky, noop, spin],
});
