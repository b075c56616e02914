import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

/** To be evaluated in a page before `violations`. */
export const axe = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);

/** What axe-core finds on the page in its current state. */
export async function violations(page: Page): Promise<readonly string[]> {
  type Found = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
  const result = await page.evaluate<Found>('axe.run({ resultTypes: ["violations"] })');
  return result.violations.map(
    ({ id, nodes }) =>
      `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(' | ')}`,
  );
}
