import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectingLogger } from '../engine/engine.fixture.ts';
import { systemClock } from '../engine/system-clock.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { createWebhooks } from './create-webhooks.ts';
import type { Lookup } from './lookup.ts';
import type { WebhookSettings } from './webhook-settings.ts';

const resolving: Lookup = async (hostname) => {
  if (hostname === 'inside.example') return ['93.184.216.34', '10.1.2.3'];
  throw Object.assign(new Error('not there'), { code: 'ENOTFOUND' });
};

/** What the client and the log are told about a submit with this address. */
async function refused(url: string, settings: WebhookSettings = {}) {
  const { logger, lines } = collectingLogger();
  const webhooks = createWebhooks({
    store: memoryStore(),
    clock: systemClock,
    logger,
    settings,
    lookup: resolving,
    describe: () => assert.fail('nothing is stored'),
    userAgent: 'x',
  });
  const told: unknown = await webhooks
    .target({ webhookUrl: url, webhook: undefined })
    .catch((error: unknown) => error);
  assert.ok(told instanceof Error);
  return { told: told.message, lines };
}

describe('An address that is refused', () => {
  const cases: [url: string, settings: WebhookSettings, why: RegExp][] = [
    ['http://a.example/', {}, /^a\.example .*plain http.*httpAllowed \(RAINCHECK_WEBHOOK_HTTP/],
    ['http://127.0.0.1:9000/', {}, /plain http.*RAINCHECK_WEBHOOK_HTTP.*RAINCHECK_WEBHOOK_CIDRS/],
    ['http://127.0.0.1:9000/', { httpAllowed: true }, /^127\.0\.0\.1 .*not public.*WEBHOOK_CIDRS/],
    ['https://localhost/', {}, /^localhost .*not public.*allowedCidrs/],
    ['https://169.254.169.254/', {}, /^169\.254\.169\.254 .*metadata/],
    ['https://hooks/', {}, /^hooks .*local.*allowedHosts \(RAINCHECK_WEBHOOK_HOSTS\)/],
    ['https://nowhere.example/', {}, /^nowhere\.example has no address.*hosts file.*_HOSTS/],
    ['https://inside.example/', {}, /^inside\.example .*10\.1\.2\.3.*_CIDRS.*_HOSTS/],
  ];
  for (const [url, settings, why] of cases) {
    it(`${url} says why in the log, and what would allow it (${JSON.stringify(settings)})`, async () => {
      const { told, lines } = await refused(url, settings);
      const [line] = lines;
      assert.equal(lines.length, 1);
      assert.equal(line?.level, 'info');
      assert.match(line.message, /^Webhook address refused: /);
      assert.match(line.message.replace('Webhook address refused: ', ''), why);
      assert.doesNotMatch(told, /RAINCHECK_|10\.1\.2\.3|has no address/);
    });
  }

  it('is no news when only its shape is wrong, which the client is told', async () => {
    for (const url of ['ftp://a.example', 'https://a.example:22/', 'https://u:p@a.example/']) {
      assert.deepEqual((await refused(url)).lines, []);
    }
  });

  it('leaves path and query out of the log: they hold other people’s tokens', async () => {
    const { lines } = await refused('https://127.0.0.1/hook/token-1?key=token-2');
    assert.doesNotMatch(JSON.stringify(lines), /token/);
  });
});
