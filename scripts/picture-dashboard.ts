/**
 * Makes the pictures of docs/dashboard.md with `node --conditions=raincheck-source
 * scripts/picture-dashboard.ts`: every view in both themes, of a server with the example's tasks,
 * one that logs, and some minutes of work. Needs Chromium, as test/browser does. Afterwards,
 * `pngquant --ext .png --force 64 docs/images/dashboard/*.png` makes them a third of the size.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { defineTask } from 'raincheck';
import { createClient, type Client } from 'raincheck/client';
import example from '../examples/reports/raincheck.config.ts';
import { silentLogger } from '../src/engine/logger.ts';
import { dashboardFiles } from '../src/server/dashboard-files.ts';
import { assembledRaincheck } from '../src/server/raincheck.ts';
import { launchChromium } from '../test/browser/chromium.ts';
import { findChromium, noChromium } from '../test/browser/find-chromium.ts';
import { WebhookReceiver } from '../test/support/webhook-receiver.ts';
import { buildDashboard } from './build-dashboard.ts';

const root = path.join(import.meta.dirname, '..');
const folder = path.join(root, 'docs/images/dashboard');

const imports = defineTask('import', {
  retry: { base: '400ms', factor: 1, cap: '400ms' },
  async run({ log, attempt, signal }) {
    for (let page = 1; page <= 5 + attempt * 2; page += 1) {
      log.info(`page ${page}`, { rows: 500, ms: 180 + ((page * 37) % 60) });
      if (page % 4 === 0) log.warn('upstream is slow', { ms: 1_900 + page });
      await pause(60, undefined, { signal });
    }
    if (attempt > 1) return;
    log.error('page 8: connect ECONNREFUSED 10.0.0.7:5432');
    throw new Error('connect ECONNREFUSED 10.0.0.7:5432');
  },
});

const executable = findChromium();
if (executable === null) throw new Error(noChromium);
const built = path.join(root, 'dist/dashboard');
await buildDashboard(built);
const receiver = await WebhookReceiver.open({ react: () => 503 });
const rc = assembledRaincheck(
  {
    tasks: [...example.tasks, imports],
    store: 'memory:',
    logger: silentLogger,
    concurrency: 4,
    webhooks: { httpAllowed: true, allowedCidrs: ['127.0.0.1/32'], retryPauses: ['200ms'] },
  },
  { app: { dashboard: dashboardFiles(built) } },
);
await rc.start();
const server = createServer(rc.handle).listen(0, '127.0.0.1');
await once(server, 'listening');
const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const client = createClient({ baseUrl: base });
const ids = await work(client);
const browser = await launchChromium(executable);
try {
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 800 } });
    for (const [name, address] of Object.entries(views())) {
      await page.goto(`${base}/dashboard/${address}`);
      await page.locator('h1').waitFor();
      await page.waitForLoadState('load');
      await pause(1_500); // until charts and the stream are there
      if (name === 'log') await page.mouse.wheel(0, 10_000);
      if (name === 'log') await pause(300);
      await page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
    }
    await page.goto(`${base}/operations/${ids.running}`);
    await page.screenshot({ path: path.join(folder, `status-page-${colorScheme}.png`) });
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections();
  await rc.stop({ now: true });
  await receiver.close();
}

function views(): Readonly<Record<string, string>> {
  return {
    overview: '',
    operations: 'operations',
    operation: `operations/${ids.failed}`,
    log: `operations/${ids.logged}?tab=logs`,
    'dead-letters': 'dead-letters',
    webhooks: 'webhooks/deliveries',
    tasks: 'tasks',
    task: 'tasks/reports',
    workers: 'workers',
    'try-it': 'try/reports',
  };
}

/**
 * Makes operations of every kind: completed, failed, retried, pending, running, and one with a
 * webhook that fails.
 */
async function work(
  client: Client,
): Promise<{ readonly failed: string; readonly running: string; readonly logged: string }> {
  const webhookUrl = `${receiver.origin}/hooks`;
  const range = { date_range: '2026-01-01..2026-06-28' };
  await client.webhooks.createEndpoint({ url: webhookUrl, events: ['operation.failed'] });
  for (let i = 0; i < 12; i += 1) {
    const type = i % 3 === 0 ? 'top_products' : 'sales_summary';
    await client.submit('reports', { type, ...range }, { labels: { team: `team-${i % 4}` } });
    for (let n = 0; n < 6; n += 1) await client.submit('noop', { n });
  }
  for (const failures of [1, 2, 0, 1]) await client.run('flaky', { failures });
  const failed = await client.submit('flaky', { failures: 9 }, { webhookUrl });
  await failed.wait();
  for (let i = 0; i < 4; i += 1) await (await client.submit('flaky', { failures: 8 })).wait();
  const logged = await client.submit('import', {});
  await client.submit('noop', {}, { delay: '1h' });
  const running = await client.submit('countdown', { seconds: 300 });
  await client.submit('countdown', { seconds: 240 });
  await pause(12_000);
  return { failed: failed.id, running: running.id, logged: logged.id };
}
