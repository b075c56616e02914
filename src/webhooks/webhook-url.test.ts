import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { addressPolicy, loopbackCidrs, type AddressPolicyOptions } from './address-policy.ts';
import { urlVectors } from './url-vectors.fixture.ts';
import { checkWebhookUrl } from './webhook-url.ts';

const pointer = '/webhook/url';

function check(text: unknown, options: AddressPolicyOptions = {}): URL {
  return checkWebhookUrl(text, { policy: addressPolicy(options), pointer });
}

function refusal(text: unknown, options: AddressPolicyOptions = {}): RaincheckError {
  try {
    check(text, options);
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    return error;
  }
  return assert.fail(`${String(text)} was accepted`);
}

const codes = { invalid: 'validation_failed', blocked: 'webhook_url_blocked' } as const;

describe('Webhook addresses', () => {
  it('are at least seventy', () => {
    assert.ok(urlVectors.length >= 70);
    assert.equal(new Set(urlVectors.map(([text]) => text)).size, urlVectors.length);
  });

  for (const [template, is] of urlVectors) {
    it(`${JSON.stringify(template)} is ${is}`, () => {
      const text = template.replace('{port}', '4000').replace('{httpsPort}', '4001');
      if (is === 'fine') {
        assert.equal(check(text).href, new URL(text).href);
        return;
      }
      const error = refusal(text);
      assert.equal(error.code, codes[is]);
      assert.deepEqual(
        error.errors?.map((one) => one.pointer),
        [pointer],
      );
    });
  }

  it('say the same of every blocked one', () => {
    const blocked = urlVectors.filter(([, is]) => is === 'blocked').map(([text]) => text);
    const told = blocked.map((text) => {
      const error = refusal(text.replace('{httpsPort}', '4001'));
      return JSON.stringify([error.message, error.errors, error.cause]);
    });
    assert.equal(new Set(told).size, 1);
  });

  it('are strings', () => {
    for (const value of [undefined, null, 7, ['https://hooks.example.com'], {}]) {
      assert.equal(refusal(value).code, 'validation_failed');
    }
  });

  it('have a length, escapes included', () => {
    const start = 'https://hooks.example.com/';
    const longest = start + 'x'.repeat(limits.webhookUrlChars - start.length);
    assert.equal(check(longest).href, longest);
    assert.match(refusal(`${longest}x`).errors?.[0]?.detail ?? '', /at most 2048 characters/);
    assert.equal(refusal(start + 'ü'.repeat(1_000)).code, 'validation_failed');
  });

  it('may be http when that is configured', () => {
    const detail = refusal('http://hooks.example.com/').errors?.[0]?.detail ?? '';
    assert.match(detail, /^Must begin with https:.*`webhooks\.httpAllowed`/);
    assert.equal(check('http://hooks.example.com/', { httpAllowed: true }).protocol, 'http:');
    assert.equal(refusal('http://10.0.0.1/', { httpAllowed: true }).code, 'webhook_url_blocked');
    const wrong = refusal('not-a-url', { httpAllowed: true });
    assert.equal(wrong.code, 'validation_failed');
    assert.match(wrong.errors?.[0]?.detail ?? '', /begins with https:\/\/ or http:\/\/\.$/);
    assert.match(refusal('not-a-url').errors?.[0]?.detail ?? '', /begins with https:\/\/\.$/);
  });

  it('may be of this machine when its addresses are allowed', () => {
    const development = { httpAllowed: true, allowedCidrs: loopbackCidrs };
    for (const host of ['localhost', 'x.localhost', '127.0.0.1', '[::1]', '0x7f.1']) {
      assert.ok(check(`http://${host}:9000/x`, development));
    }
    for (const host of ['0.0.0.0', '10.0.0.1', 'intranet', '169.254.169.254']) {
      assert.equal(refusal(`http://${host}:9000/x`, development).code, 'webhook_url_blocked');
    }
  });

  it('may have a name that is allowed, whatever it looks like', () => {
    const allowedHosts = ['intranet', '*.corp.internal', '10.0.0.1', '::1'];
    for (const host of ['intranet', 'INTRANET.', 'a.b.corp.internal', '10.0.0.1', '[::1]']) {
      assert.ok(check(`https://${host}/`, { allowedHosts }));
    }
    for (const host of ['corp.internal', 'x.intranet.local', '10.0.0.2', '169.254.169.254']) {
      assert.equal(refusal(`https://${host}/`, { allowedHosts }).code, 'webhook_url_blocked');
    }
  });
});
