import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { axe, violations } from './axe.ts';
import { launchChromium } from './chromium.ts';
import { findChromium, noChromium } from './find-chromium.ts';
import { startSite, type Site } from './site.ts';
import { openPage } from './watched-page.ts';

const executable = findChromium();

/** The page behind every status address, in a real browser. */
describe('the status page', { skip: executable === null && noChromium }, () => {
  let browser: Browser;
  let site: Site;

  before(async () => {
    browser = await launchChromium(executable ?? '');
    site = await startSite({ basePath: '/a/b' });
  });
  after(async () => {
    await browser.close();
    await site[Symbol.asyncDispose]();
  });

  /** An operation that has taken its first step and waits for the next. */
  async function running() {
    const operation = await site.client.submit('steps', { count: 2 });
    for await (const { operation: seen } of operation.events()) if (seen.progress !== null) break;
    return operation;
  }

  it('needs no script: it reloads itself to the end, where the result is', async () => {
    const operation = await running();
    await using watched = await openPage(browser, { javaScriptEnabled: false });
    const { page } = watched;
    await page.goto(operation.url);
    await page.getByText('step 1').waitFor();
    site.step();
    await page.getByText('step 2').waitFor();
    site.step();
    await page
      .getByRole('link', { name: /result/i })
      .first()
      .waitFor();
    await page.getByText('Completed').waitFor();
    watched.assertQuiet();
  });

  it('cancels without a script', async () => {
    const operation = await running();
    await using watched = await openPage(browser, { javaScriptEnabled: false });
    const { page } = watched;
    await page.goto(operation.url);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('Cancelled').first().waitFor();
    assert.equal((await operation.status()).error?.code, 'cancelled');
    site.step(); // its own gate, which nobody waits at any more
    watched.assertQuiet();
  });

  it('follows without a reload where there are scripts', async () => {
    const operation = await running();
    await using watched = await openPage(browser);
    const { page } = watched;
    await page.goto(operation.url);
    await page.getByText('step 1').waitFor();
    await page.evaluate('window.stayed = true');
    site.step();
    await page.getByText('step 2').waitFor();
    site.step();
    await page.getByText('Completed').waitFor();
    assert.equal(await page.evaluate('window.stayed'), true);
    watched.assertQuiet();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`is accessible, ${colorScheme} at ${width} px`, async () => {
        const failed = await site.client.submit('picky', { good: false });
        const done = await site.client.submit('noop', {});
        for (const one of [failed, done]) await one.wait();
        const open = await running();
        const viewport = { width, height: 900 };
        await using watched = await openPage(browser, { colorScheme, viewport });
        const { page } = watched;
        const found: string[] = [];
        for (const { url } of [open, failed, done]) {
          await page.goto(url);
          await page.evaluate(axe);
          found.push(...(await violations(page)));
          const overflow = await page.evaluate<number>('document.documentElement.scrollWidth');
          if (overflow > width) found.push(`${overflow} px wide`);
        }
        assert.deepEqual(found, []);
        await open.cancel();
      });
    }
  }
});
