import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AxeResults } from 'axe-core';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { ServerProcess } from '../e2e/server-process.ts';

/**
 * /docs in a real browser, Debian's chromium, with the example's tasks: as people see it, with and
 * without a script, wide and on a phone, light and dark.
 */
const executablePath = process.env['RAINCHECK_TEST_CHROMIUM'] ?? '/usr/bin/chromium';
const missing = existsSync(executablePath)
  ? false
  : `No ${executablePath}: \`apt-get install chromium\`, or say where in RAINCHECK_TEST_CHROMIUM.`;
const root = path.join(import.meta.dirname, '..', '..');
const config = path.join(root, 'examples/reports/raincheck.config.ts');
const axe = path.join(root, 'node_modules/axe-core/axe.min.js');
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Opens one item of each kind with all that is in it: axe-core takes 20 s for the whole page, which
 * is more of the same. It is a string because this project does not have the types of a browser.
 */
const openSome = `for (const id of ['submit_reports', 'readOperation', 'createEndpoint', 'webhook_operation_failed', 'schema-Operation']) {
  for (const one of document.querySelectorAll('#op-' + id + ', #op-' + id + ' details')) one.open = true;
}`;
const openAll = `for (const one of document.querySelectorAll('details')) one.open = true`;

describe('The API docs in a browser', { skip: missing }, () => {
  let server: ServerProcess;
  let browser: Browser;
  let url = '';

  before(async () => {
    server = new ServerProcess(['dev', '--config', config, '--ephemeral', '--port', '0']);
    browser = await chromium.launch({ executablePath, args: flags });
    url = await server.url();
  });
  after(async () => {
    await browser.close();
    await server[Symbol.asyncDispose]();
  });

  /**
   * Runs `look` on the page; fails on every complaint of the browser, and on a request to another
   * server.
   */
  const opened = async (
    options: BrowserContextOptions,
    look: (page: Page) => Promise<void>,
  ): Promise<void> => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (line) => {
      const isFavicon = line.location().url.endsWith('/favicon.ico');
      if (line.type() === 'error' && !isFavicon) complaints.push(line.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(`${url}/`)) complaints.push(`asked ${request.url()}`);
    });
    try {
      await page.goto(`${url}/docs`);
      await look(page);
      assert.deepEqual(complaints, []);
    } finally {
      await context.close();
    }
  };
  const shown = (page: Page): Promise<string[]> =>
    page
      .locator('details.op:visible')
      // React's types declare elements without members where the DOM's are not loaded.
      .evaluateAll((all) => (all as unknown as { readonly id: string }[]).map(({ id }) => id));

  for (const [colorScheme, width] of [
    ['light', 390],
    ['dark', 1440],
  ] as const) {
    it(`have nothing for axe-core to say and nothing cut off: ${colorScheme}, ${width} px`, async () => {
      // Only axe itself, which is put into the page, needs more than the page's policy allows.
      const options = { viewport: { width, height: 900 }, colorScheme, bypassCSP: true };
      await opened(options, async (page) => {
        await page.evaluate(openSome);
        await page.evaluate(readFileSync(axe, 'utf8'));
        const { violations } = await page.evaluate<AxeResults>('axe.run()');
        assert.deepEqual(
          violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
          [],
        );
        await page.evaluate(openAll);
        const room = await page.evaluate<number>('document.documentElement.scrollWidth');
        assert.ok(room <= width, `${room} px`);
      });
    });
  }

  it('open what an address leads to, and what a link leads to', async () => {
    await opened({}, async (page) => {
      await page.goto(`${url}/docs#submit_reports`);
      await page.locator('#submit_reports').waitFor();
      await page
        .locator('#submit_reports')
        .getByRole('link', { name: 'readOperation' })
        .first()
        .click();
      await page.locator('#readOperation').waitFor();
      assert.ok(page.url().endsWith('#readOperation'));
    });
  });

  it('are searched by typing, and whole again when that is undone', async () => {
    await opened({}, async (page) => {
      const all = (await shown(page)).length;
      await page.keyboard.press('/');
      await page.keyboard.type('post {id} cancel');
      assert.deepEqual(await shown(page), ['op-cancelOperation']);
      assert.equal(await page.locator('#found').textContent(), `1 of ${all} found`);
      await page.keyboard.press('Enter');
      await page.locator('#cancelOperation').waitFor();
      await page.locator('#find').focus();
      await page.keyboard.press('Escape');
      assert.equal((await shown(page)).length, all);
    });
  });

  it('give a request to copy that the server takes', async () => {
    const permissions = ['clipboard-read', 'clipboard-write'];
    await opened({ permissions }, async (page) => {
      const name = 'Copy: Try it';
      await page.getByRole('button', { name }).click();
      await page.getByText('Copied').waitFor();
      const copied = await page.evaluate<string>('navigator.clipboard.readText()');
      const [, target, type, body] =
        /^curl -X POST "(\S+)" \\\n +-H "content-type: (\S+)" \\\n +-d '(.+)'$/.exec(copied) ?? [];
      const answer = await fetch(target!, {
        method: 'POST',
        headers: { 'content-type': type! },
        body: body!,
      });
      assert.equal(answer.status, 202, copied);
    });
  });

  it('are whole without a script', async () => {
    await opened({ javaScriptEnabled: false }, async (page) => {
      assert.equal(await page.locator('#search').isVisible(), false);
      await page.locator('#op-readOperation > summary').click();
      assert.ok(await page.locator('#readOperation').isVisible());
      await page.goto(`${url}/docs#schema-Operation`);
      assert.ok(await page.locator('#schema-Operation').count());
    });
  });
});
