import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { axe, violations } from './axe.ts';
import { launchChromium } from './chromium.ts';
import { findChromium, noChromium } from './find-chromium.ts';
import { startSite, type Site } from './site.ts';
import { openPage } from './watched-page.ts';

const executable = findChromium();

/** The inbox of `raincheck dev`, in a real browser. */
describe('the inbox', { skip: executable === null && noChromium }, () => {
  let browser: Browser;
  let empty: Site;
  let site: Site;
  let inbox: string;

  before(async () => {
    browser = await launchChromium(executable ?? '');
    empty = await startSite({ dev: true });
    site = await startSite({ basePath: '/a/b', dev: true });
    inbox = new URL('../inbox', site.url).href;
    await fill();
  });
  after(async () => {
    await browser.close();
    await empty[Symbol.asyncDispose]();
    await site[Symbol.asyncDispose]();
  });

  /**
   * One webhook of each kind that can be shown: signed, refused, wrongly signed, not signed, not a
   * text at all.
   */
  async function fill(): Promise<void> {
    await site.client.run('noop', { text: 'long'.repeat(200) }, { webhookUrl: `${inbox}/shop` });
    const stamp = String(Math.floor(Date.now() / 1000));
    const signed = {
      'webhook-id': 'msg_1',
      'webhook-timestamp': stamp,
      'webhook-signature': 'v1,AA==',
    };
    const sent = [
      { headers: signed, body: '{"type":"operation.failed"}' },
      { headers: { authorization: 'Bearer x' }, body: 'just a text' },
      { headers: {}, body: Uint8Array.of(255, 254) },
    ];
    for (const one of sent) await fetch(`${inbox}?status=503`, { method: 'POST', ...one });
    for (;;) {
      const { webhooks } = (await (await fetch(inbox)).json()) as { webhooks: unknown[] };
      if (webhooks.length === sent.length + 1) return;
    }
  }

  it('shows each with what its signature is worth, and leads to its operation, without a script', async () => {
    await using watched = await openPage(browser, { javaScriptEnabled: false });
    const { page } = watched;
    await page.goto(inbox);
    for (const words of ['The signature fits', 'The signature does not fit', 'Not signed']) {
      await page.getByText(words, { exact: false }).first().waitFor();
    }
    await page.getByText('2 bytes that are no text').waitFor();
    await page.getByRole('link', { name: /^op_/ }).click();
    await page.getByText('Completed').waitFor();
    watched.assertQuiet();
  });

  it('shows the first one by itself', async () => {
    await using own = await startSite({ dev: true });
    const address = new URL('../inbox', own.url).href;
    for (const javaScriptEnabled of [true, false]) {
      await fetch(address, { method: 'DELETE' });
      await using watched = await openPage(browser, { javaScriptEnabled });
      const { page } = watched;
      await page.goto(address);
      await page.getByText('Nothing has arrived yet').waitFor();
      await fetch(address, { method: 'POST', body: '{"type":"operation.completed"}' });
      await page.getByRole('heading', { name: 'operation.completed' }).waitFor();
      watched.assertQuiet();
    }
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1280, 390]) {
      it(`is accessible, ${colorScheme} at ${width} px`, async () => {
        const viewport = { width, height: 900 };
        await using watched = await openPage(browser, { colorScheme, viewport });
        const { page } = watched;
        const found: string[] = [];
        for (const url of [inbox, `${inbox}/nothing`, new URL('../inbox', empty.url).href]) {
          await page.goto(url);
          for (const summary of await page.locator('summary').all()) await summary.click();
          await page.evaluate(axe);
          found.push(...(await violations(page)));
          const overflow = await page.evaluate<number>('document.documentElement.scrollWidth');
          if (overflow > width) found.push(`${url}: ${overflow} px wide`);
        }
        assert.deepEqual(found, []);
        watched.assertQuiet();
      });
    }
  }
});
