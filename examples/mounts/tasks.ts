import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from 'raincheck';

/** The work that used to make the client wait: one report, written page by page. */
export const reports = defineTask('reports', {
  async run({ input, progress, signal }) {
    const pages = 3;
    for (let page = 1; page <= pages; page += 1) {
      await sleep(20, undefined, { signal });
      progress({ current: page, total: pages }, `page ${page}`);
    }
    return { report: input };
  },
});
