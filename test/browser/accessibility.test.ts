import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { until } from '../../src/testing/until.fixture.ts';
import { axe, violations } from './axe.ts';
import { launchChromium } from './chromium.ts';
import { findChromium, noChromium } from './find-chromium.ts';
import { startSite, type Site } from './site.ts';
import { openPage } from './watched-page.ts';

const executable = findChromium();

/** A path below the dashboard, and a selector that exists once the view is complete. */
type View = readonly [path: string, ready: string];

/**
 * Every view, with content, through axe-core: it must find nothing, and nothing may be wider than
 * the window.
 */
describe('the views of the dashboard', { skip: executable === null && noChromium }, () => {
  let browser: Browser;
  let site: Site;
  let views: readonly View[];

  before(async () => {
    browser = await launchChromium(executable ?? '');
    site = await startSite();
    views = await filled(site);
  });
  after(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`are accessible and quiet, ${colorScheme} at ${width} px`, async () => {
        await using watched = await openPage(browser, {
          colorScheme,
          viewport: { width, height: 900 },
        });
        const { page } = watched;
        const found: string[] = [];
        await page.goto(site.url);
        await page.evaluate(axe);
        for (const [path, ready] of views) {
          await visit(page, path);
          await page.locator(ready).first().waitFor();
          found.push(...(await violations(page)).map((one) => `/${path}: ${one}`));
          const overflow = await page.evaluate<number>('document.documentElement.scrollWidth');
          if (overflow > width) found.push(`/${path}: ${overflow} px wide`);
        }
        assert.deepEqual(found, []);
        watched.assertQuiet();
      });
    }
  }

  it('are accessible with a dialog, suggestions and the menu open', async () => {
    await using watched = await openPage(browser, { viewport: { width: 390, height: 800 } });
    const { page } = watched;
    await page.goto(`${site.url}operations`);
    await page.evaluate(axe);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('link', { name: 'Workers' }).waitFor();
    assert.deepEqual(await violations(page), [], 'the menu');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Retry all' }).click();
    await page.locator('dialog .figure').waitFor();
    assert.deepEqual(await violations(page), [], 'the dialog');
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Live' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('status:');
    await page.getByRole('option', { name: 'status:failed' }).waitFor();
    assert.deepEqual(await violations(page), [], 'the suggestions');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=status%3Afailed/);
    watched.assertQuiet();
  });

  it('have a sign-in that is accessible', async () => {
    await using secured = await startSite({ token: 'all-of-it-0123456789abcdef' });
    await using watched = await openPage(browser);
    await watched.page.goto(secured.url);
    await watched.page.getByLabel('Token').waitFor();
    await watched.page.evaluate(axe);
    assert.deepEqual(await violations(watched.page), []);
  });
});

/** Goes there as its own links do, without reloading the page. */
async function visit(page: Page, path: string): Promise<void> {
  const url = JSON.stringify(path === '' ? './' : path);
  await page.evaluate(
    `history.pushState(null, '', new URL(${url}, document.baseURI)), dispatchEvent(new PopStateEvent('popstate'))`,
  );
}

/** Something of each kind, and the view that shows it. */
async function filled(site: Site): Promise<readonly View[]> {
  const { client, receiver } = site;
  const webhookUrl = `${receiver.origin}/done`;
  const labels = { tenant: 'acme' };
  const told = await client.submit('noop', { a: 1 }, { webhookUrl, labels });
  const failed = await client.submit('flaky', { failures: 9 }, { labels });
  const retried = await client.submit('flaky', { failures: 2 });
  const running = await client.submit('steps', { count: 3 }, { deadline: '10m' });
  await client.submit('noop', {}, { delay: '1h' });
  const chatty = await client.submit('chatty', { lines: 1_400, steps: 0 });
  for (const operation of [told, failed, retried, chatty]) await operation.wait();
  for await (const { operation } of running.events()) if (operation.progress !== null) break;
  site.step();
  const { endpoint_id, id: delivery } = await attempted(client, told.id);
  return [
    ['', '.chart svg'],
    ['operations', 'tr[data-id]'],
    ['operations?q=status%3Afailed%20task%3Af*', 'tr[data-id]'],
    ['operations?q=nothing-like-it', '.empty'],
    [`operations/${running.id}`, '.big-progress'],
    [`operations/${failed.id}`, '.op-error'],
    [`operations/${retried.id}?tab=result`, '.json-value'],
    [`operations/${told.id}?tab=webhooks`, '.tab-body .row-link'],
    [`operations/${chatty.id}?tab=logs`, '.log li'],
    [`operations/${told.id}?tab=raw`, '.code ~ .code'],
    [`operations/${told.id}?tab=input`, '.json-key'],
    ['dead-letters', '.groups li'],
    ['dead-letters?kind=webhooks', '.empty'],
    ['webhooks', '.rows tbody tr'],
    ['webhooks/deliveries', '.rows tbody tr'],
    [`webhooks/endpoints/${endpoint_id}`, '.rows tbody tr'],
    [`webhooks/deliveries/${delivery}`, '.attempts li'],
    ['tasks', '.rows tbody tr'],
    ['tasks/reports', '.json-key'],
    ['workers', '.rows tbody tr'],
    ['try/reports', '.field'],
    ['nowhere', '.empty'],
  ];
}

/** The delivery of an operation once its first attempt has failed. */
async function attempted(client: Site['client'], operation: string) {
  const { deliveries } = await until(
    'the first attempt to deliver has failed',
    () => client.webhooks.deliveries({ operation }),
    (page) => (page.deliveries[0]?.last_error ?? null) !== null,
  );
  return deliveries[0]!;
}
