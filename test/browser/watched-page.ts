import assert from 'node:assert/strict';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

/** A page in a browser of its own that records everything it complains about. */
export type WatchedPage = AsyncDisposable & {
  readonly page: Page;
  /** Fails if there was a console message, a script error, or a failed request. */
  assertQuiet(): void;
};

export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => faults.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('requestfailed', (request) => {
    const text = request.failure()?.errorText ?? '';
    // A page that is left aborts its requests.
    if (text !== 'net::ERR_ABORTED') faults.push(`request: ${request.url()} ${text}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`answer: ${response.status()} ${response.url()}`);
  });
  return {
    page,
    assertQuiet: () => assert.deepEqual(faults, []),
    async [Symbol.asyncDispose]() {
      await context.close();
    },
  };
}
