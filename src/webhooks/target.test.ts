import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RaincheckError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createAddressGuard } from './address-guard.ts';
import { addressPolicy } from './address-policy.ts';
import { readEndpointChange, readEndpointInput, readRotation } from './endpoint-input.ts';
import { readTarget, type CheckUrl } from './target.ts';

const addresses: Readonly<Record<string, string>> = {
  'public.example.com': '8.8.8.8',
  'private.example.com': '10.0.0.1',
};
const guard = createAddressGuard({
  policy: addressPolicy({}),
  clock: new ManualClock(),
  lookup: async (name) => {
    const address = addresses[name];
    if (address !== undefined) return [address];
    throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' });
  },
});
const checkUrl: CheckUrl = (text, pointer) => guard.resolveAndCheck(text, pointer);
const url = 'https://public.example.com/hook?x=1';
const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** Must reject with this code and exactly these pointers. */
function refused(promise: Promise<unknown>, code: ErrorCode, pointers: readonly string[]) {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof RaincheckError);
    assert.deepEqual(
      { code: error.code, pointers: error.errors?.map(({ pointer }) => pointer) },
      { code, pointers },
    );
    assert.ok(!JSON.stringify(error.errors).includes(secret), 'a secret is never quoted');
    return true;
  });
}

describe('What a request asks to be told', () => {
  const read = (body: { webhook_url?: unknown; webhook?: unknown }) =>
    readTarget({ webhookUrl: body.webhook_url, webhook: body.webhook }, checkUrl);
  const finals = ['operation.completed', 'operation.failed'];

  it('is nothing, an address, or an address with events, headers and a secret', async () => {
    assert.equal(await read({}), null);
    assert.deepEqual(await read({ webhook_url: url }), {
      url,
      events: finals,
      headers: {},
      secret: null,
    });
    assert.deepEqual(await read({ webhook: { url } }), {
      url,
      events: finals,
      headers: {},
      secret: null,
    });
    const webhook = {
      url,
      events: ['operation.progress', 'operation.failed', 'operation.progress'],
      headers: { Authorization: 'Bearer x' },
      secret,
    };
    assert.deepEqual(await read({ webhook }), {
      url,
      events: ['operation.progress', 'operation.failed'],
      headers: { authorization: 'Bearer x' },
      secret,
    });
  });

  const wrong: readonly [what: string, body: object, code: ErrorCode, pointers: string[]][] = [
    ['a number', { webhook_url: 7 }, 'validation_failed', ['/webhook_url']],
    ['null', { webhook_url: null }, 'validation_failed', ['/webhook_url']],
    ['http', { webhook_url: 'http://public.example.com' }, 'validation_failed', ['/webhook_url']],
    [
      'a private address',
      { webhook_url: 'https://private.example.com/' },
      'webhook_url_blocked',
      ['/webhook_url'],
    ],
    [
      'a name of nothing',
      { webhook: { url: 'https://nowhere.example.com/' } },
      'webhook_url_blocked',
      ['/webhook/url'],
    ],
    [
      'a loopback literal',
      { webhook_url: 'https://127.0.0.1/' },
      'webhook_url_blocked',
      ['/webhook_url'],
    ],
    ['both', { webhook_url: url, webhook: { url } }, 'validation_failed', ['/webhook_url']],
    ['a text', { webhook: url }, 'validation_failed', ['/webhook']],
    ['a list', { webhook: [] }, 'validation_failed', ['/webhook']],
    ['no url', { webhook: {} }, 'validation_failed', ['/webhook/url']],
    [
      'an unknown member',
      { webhook: { url, event: ['operation.failed'] } },
      'validation_failed',
      ['/webhook/event'],
    ],
    [
      'an unknown event',
      { webhook: { url, events: ['operation.failed', 'operation.done'] } },
      'validation_failed',
      ['/webhook/events/1'],
    ],
    ['no events', { webhook: { url, events: [] } }, 'validation_failed', ['/webhook/events']],
    [
      'the test event',
      { webhook: { url, events: ['webhook.test'] } },
      'validation_failed',
      ['/webhook/events/0'],
    ],
    [
      'a header of ours',
      { webhook: { url, headers: { 'Webhook-Id': 'x', 'x-fine': 'y' } } },
      'validation_failed',
      ['/webhook/headers/Webhook-Id'],
    ],
    [
      'a short secret',
      { webhook: { url, secret: 'whsec_AAAA' } },
      'validation_failed',
      ['/webhook/secret'],
    ],
    [
      'everything at once',
      {
        webhook: {
          url: 'https://127.0.0.1/',
          events: 'all',
          headers: { host: 'x' },
          secret: 5,
          typ: 1,
        },
      },
      'validation_failed',
      [
        '/webhook/typ',
        '/webhook/events',
        '/webhook/headers/host',
        '/webhook/secret',
        '/webhook/url',
      ],
    ],
  ];
  for (const [what, body, code, pointers] of wrong) {
    it(`is refused when it is ${what}`, () => refused(read(body), code, pointers));
  }

  it('suggests the member that was meant', async () => {
    await assert.rejects(read({ webhook: { url, event: [] } }), /Did you mean `events`/);
  });
});

describe('The body of an endpoint', () => {
  const checks = { checkUrl, taskNames: ['reports', 'invoices'], origin: null };
  const create = (body: unknown) => readEndpointInput(body, checks);
  const change = (body: unknown) => readEndpointChange(body, checks);

  it('needs an address and has a default for all else', async () => {
    assert.deepEqual(await create({ url }), {
      url,
      events: ['operation.completed', 'operation.failed'],
      tasks: null,
      headers: {},
      description: null,
      enabled: true,
      handshake: false,
      secret: null,
      signature: 'v1',
    });
  });

  it('of a change is only what is to change', async () => {
    assert.deepEqual(await change({}), {});
    assert.deepEqual(
      await change({
        url: 'https://public.example.com:8443/',
        tasks: ['reports'],
        headers: {},
        description: null,
        enabled: false,
        events: ['operation.failed'],
      }),
      {
        url: {
          url: 'https://public.example.com:8443/',
          origin: 'https://public.example.com:8443',
        },
        tasks: ['reports'],
        headers: {},
        description: null,
        enabled: false,
        events: ['operation.failed'],
      },
    );
  });

  const wrong: readonly [what: string, body: unknown, pointers: string[]][] = [
    ['no object', 'x', ['']],
    ['null', null, ['']],
    ['a task that is not there', { url, tasks: ['report'] }, ['/tasks/0']],
    ['no tasks', { url, tasks: [] }, ['/tasks']],
    ['a number among the tasks', { url, tasks: ['reports', 4] }, ['/tasks/1']],
    ['a long description', { url, description: 'x'.repeat(501) }, ['/description']],
    ['a NUL in the description', { url, description: '\0' }, ['/description']],
    ['a text for enabled', { url, enabled: 'yes' }, ['/enabled']],
    ['an unknown signature', { url, signature: 'v2' }, ['/signature']],
    ['a shared secret for a key pair', { url, signature: 'v1a', secret }, ['/secret']],
    ['a typo', { url, desciption: 'x' }, ['/desciption']],
  ];
  for (const [what, body, pointers] of wrong) {
    it(`is refused with ${what}`, () => refused(create(body), 'validation_failed', pointers));
  }

  it('cannot change a secret, which is rotated', async () => {
    await refused(change({ secret, signature: 'v1' }), 'validation_failed', [
      '/secret',
      '/signature',
    ]);
  });

  it('suggests the task that was meant', async () => {
    await assert.rejects(create({ url, tasks: ['report'] }), /Did you mean `reports`/);
  });
});

describe('The body of a rotation', () => {
  it('may bring a secret and say how long the others go on', () => {
    assert.deepEqual(readRotation({}, 'v1'), {
      secret: null,
      graceMs: limits.secretGraceMsDefault,
    });
    assert.deepEqual(readRotation({ secret, grace_seconds: 0 }, 'v1'), { secret, graceMs: 0 });
  });

  it('is refused beyond a week', async () => {
    const tooLong = async () => readRotation({ grace_seconds: 7 * 86_400 + 1 }, 'v1');
    await refused(tooLong(), 'validation_failed', ['/grace_seconds']);
  });
});
