import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { Webhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import {
  operationEvent,
  otherSecret,
  sampleSecret,
  signedDelivery,
} from '../../test/support/signed-delivery.ts';
import { failed } from '../../test/support/wire-samples.ts';
import type { WireWebhookEvent } from '../core/wire-webhook.ts';
import { makeSecret, verificationKey } from '../webhooks/secrets.ts';
import { webhookSignature } from '../webhooks/signature.ts';
import { verifyWebhook, type WebhookBody, type WebhookHeaders } from './verify-webhook.ts';
import { WebhookVerificationError, type WebhookErrorCode } from './webhook-error.ts';

const { id, body, headers } = signedDelivery();
const event = operationEvent();

/** Asserts that it rejects with this code; returns the message. */
async function refusal(
  verified: Promise<unknown>,
  code: WebhookErrorCode,
  message = /./,
): Promise<void> {
  await assert.rejects(verified, (error) => {
    assert.ok(error instanceof WebhookVerificationError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.status, code === 'bad_secret' || code === 'bad_body' ? 500 : 401);
    assert.match(error.message, message);
    return true;
  });
}

function without(name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}

describe('a delivery signed by the reference libraries', () => {
  it('gives its event', async () => {
    assert.deepEqual(await verifyWebhook(body, headers, sampleSecret), event);
    const told = operationEvent(failed('task_error'));
    const failure = signedDelivery({ event: told });
    assert.deepEqual(await verifyWebhook(failure.body, failure.headers, sampleSecret), told);
  });

  it('gives an event whose type says what it is', async () => {
    const verified: WireWebhookEvent = await verifyWebhook(body, headers, sampleSecret);
    assert.notEqual(verified.type, 'webhook.test');
    if (verified.type === 'webhook.test') return;
    assert.equal(verified.operation_id, event.operation_id);
    assert.equal(verified.data.operation.result_url, event.result_url);
  });

  for (const length of [24, 32, 64]) {
    it(`fits under a secret of ${length} bytes, whoever signed`, async () => {
      const secret = `whsec_${randomBytes(length).toString('base64')}`;
      for (const signer of [new Webhook(secret), new SvixWebhook(secret)]) {
        const at = new Date();
        const text = JSON.stringify({ ...event, note: 'Grüße, 世界 🌍' });
        const signed = { ...headers, 'webhook-signature': signer.sign(id, at, text) };
        const dated = { ...signed, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)) };
        assert.equal((await verifyWebhook(text, dated, secret)).type, event.type);
        assert.equal((await verifyWebhook(Buffer.from(text), dated, secret)).type, event.type);
      }
    });
  }

  // The example shared by the libraries of Standard Webhooks. Its body is not an event of ours, so
  // a valid signature shows as another error than a mismatch.
  it('fits the published example', async () => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const example = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const clock = { now: () => 1_614_265_330_000 };
    const verify = (text: string) => verifyWebhook(text, example, secret, { clock });
    await refusal(verify('{"test": 2432232314}'), 'bad_body', /signature fits/);
    await refusal(verify('{"test": 2432232315}'), 'no_match');
  });
});

describe('a delivery signed by our own sender', () => {
  const timestamp = Math.floor(Date.now() / 1000);
  const [shared, older, pair] = [
    makeSecret('v1', randomBytes(32)),
    makeSecret('v1', randomBytes(32)),
    makeSecret('v1a', randomBytes(32)),
  ];
  const signedWith = (...secrets: string[]) => ({
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': webhookSignature({ id, timestamp, body: Buffer.from(body), secrets }),
  });

  it('fits under what receivers are told of its secret', async () => {
    for (const secret of [shared, pair]) {
      const told = verificationKey(secret);
      assert.deepEqual(await verifyWebhook(body, signedWith(secret), told), event);
      await refusal(verifyWebhook(`${body} `, signedWith(secret), told), 'no_match');
    }
  });

  it('fits under either secret during a rotation, and under one of many', async () => {
    const both = signedWith(shared, older);
    for (const secret of [shared, older]) assert.ok(await verifyWebhook(body, both, secret));
    const five = signedWith(pair, older, older, older, shared);
    for (const secret of [shared, verificationKey(pair)]) {
      assert.ok(await verifyWebhook(body, five, secret));
    }
    await refusal(verifyWebhook(body, signedWith(older), shared), 'no_match');
  });

  it('fits whatever is in the body', async () => {
    const texts = fc.record({ type: fc.string({ unit: 'binary' }), timestamp: fc.string() });
    await fc.assert(
      fc.asyncProperty(texts, async (value) => {
        const text = JSON.stringify(value);
        const bytes = Buffer.from(text);
        const signature = webhookSignature({ id, timestamp, body: bytes, secrets: [shared] });
        const signed = { ...signedWith(shared), 'webhook-signature': signature };
        assert.deepEqual(await verifyWebhook(bytes, signed, shared), JSON.parse(text));
        assert.deepEqual(await verifyWebhook(text, signed, shared), JSON.parse(text));
      }),
    );
  });
});

describe('the body', () => {
  const bytes = new TextEncoder().encode(body);
  // Node's own buffers are views into a pool, whose neighbouring bytes belong to others.
  const pooled = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]).subarray(
    6,
    6 + bytes.length,
  );
  const foreign: Uint8Array = runInNewContext('new Uint8Array(n)', { n: bytes.length });
  foreign.set(bytes);
  const foreignBuffer = foreign.buffer as ArrayBuffer;
  const bodies: Record<string, WebhookBody> = {
    'a string': body,
    'a Uint8Array': bytes,
    'an ArrayBuffer': bytes.buffer,
    'a Buffer out of a pool': pooled,
    'a Uint8Array of another realm': foreign,
    'an ArrayBuffer of another realm': foreignBuffer,
  };
  for (const [name, given] of Object.entries(bodies)) {
    it(`may be ${name}`, async () => {
      assert.deepEqual(await verifyWebhook(given, headers, sampleSecret), event);
    });
  }

  for (const parsed of [event, [], 7, true, undefined, null, new Blob([body])]) {
    it(`is refused as ${Object.prototype.toString.call(parsed)}, with the reason`, async () => {
      const given = parsed as unknown as string;
      const told = /raw body.*as they came.*express\.raw.*Fastify.*request\.text\(\)/;
      await refusal(verifyWebhook(given, headers, sampleSecret), 'bad_body', told);
    });
  }

  it('that was parsed and written anew does not fit', async () => {
    const spaced = signedDelivery({ body: JSON.stringify(event, null, 1) });
    const again = JSON.stringify(JSON.parse(spaced.body));
    const verified = verifyWebhook(again, spaced.headers, sampleSecret);
    await refusal(verified, 'no_match', /parsed and written anew/);
    assert.ok(await verifyWebhook(spaced.body, spaced.headers, sampleSecret));
  });

  it('that somebody read before is suspected to be so', async () => {
    const verified = verifyWebhook('', headers, sampleSecret);
    await refusal(verified, 'no_match', /body is empty: did something read it before/);
  });

  it('that is signed is still checked to be an event', async () => {
    for (const text of ['', 'no JSON', '7', 'null', '[]', '{}', '{"type":1,"timestamp":"x"}']) {
      const other = signedDelivery({ body: text });
      await refusal(verifyWebhook(text, other.headers, sampleSecret), 'bad_body', /signature fits/);
    }
  });

  it('that is signed is still checked to be UTF-8', async () => {
    const bytes = Buffer.from('{"type":"\u00ff","timestamp":""}', 'latin1');
    const { 'webhook-timestamp': timestamp = '' } = headers;
    const key = Buffer.from(sampleSecret.slice('whsec_'.length), 'base64');
    const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(bytes);
    const signed = { ...headers, 'webhook-signature': `v1,${hmac.digest('base64')}` };
    await refusal(
      verifyWebhook(bytes, signed, sampleSecret),
      'bad_body',
      /signature fits.*no JSON/,
    );
  });

  it('is copied, so that what is verified is what is parsed', async () => {
    const mutable = new TextEncoder().encode(body);
    const verified = verifyWebhook(mutable, headers, sampleSecret);
    mutable.fill(32);
    assert.deepEqual(await verified, event);
  });
});

describe('the headers', () => {
  const upper = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  );
  const forms: Record<string, WebhookHeaders> = {
    'an object': headers,
    'an object in other letters': upper,
    'a Headers': new Headers(headers),
    'a Map': new Map(Object.entries(headers)) as unknown as Headers,
    'an object without a prototype': Object.assign(Object.create(null), headers),
  };
  for (const [name, given] of Object.entries(forms)) {
    it(`may be ${name}`, async () => {
      assert.deepEqual(await verifyWebhook(body, given, sampleSecret), event);
    });
  }

  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
    it(`need ${name}, once`, async () => {
      const missing = without(name);
      const value = headers[name] ?? '';
      const bad: WebhookHeaders[] = [
        missing,
        new Headers(missing),
        { ...missing, [name]: '' },
        { ...missing, [name]: undefined },
        { ...missing, [name]: [value] },
        { ...missing, [name]: [value, value] },
        { ...headers, [name.toUpperCase()]: value },
      ];
      for (const given of bad) {
        const told = new RegExp(`Expected one header ${name}, got (?:none|several)`);
        await refusal(verifyWebhook(body, given, sampleSecret), 'missing_header', told);
      }
    });
  }

  for (const given of [undefined, null, 'webhook-id', []]) {
    it(`are missed where there is ${String(given) || 'an empty list'} instead`, async () => {
      const nothing = given as unknown as Headers;
      await refusal(verifyWebhook(body, nothing, sampleSecret), 'missing_header');
    });
  }
});

describe('the age', () => {
  const seconds = Number(headers['webhook-timestamp']);
  const at = (ms: number, options = {}) =>
    verifyWebhook(body, headers, sampleSecret, {
      clock: { now: () => seconds * 1000 + ms },
      ...options,
    });

  it('may be five minutes either way, and no more', async () => {
    for (const ms of [0, 300_999, -300_000]) assert.deepEqual(await at(ms), event);
    await refusal(at(301_000), 'too_old', /Signed 301 s ago .* 300 s allowed.*clock/);
    await refusal(at(-300_001), 'too_new', /Signed 301 s from now/);
  });

  it('may be what `tolerance` says', async () => {
    assert.deepEqual(await at(3_600_000, { tolerance: '1h' }), event);
    await refusal(at(11_000, { tolerance: 10_000 }), 'too_old');
    await refusal(at(1_000, { tolerance: 0 }), 'too_old');
    assert.deepEqual(await at(999, { tolerance: 0 }), event);
  });

  it("is by the machine's clock unless told otherwise", async () => {
    const old = signedDelivery({ at: new Date(Date.now() - 302_000) });
    await refusal(verifyWebhook(old.body, old.headers, sampleSecret), 'too_old');
  });

  it('must be a number of seconds', async () => {
    for (const text of [
      'soon',
      '-1',
      '1.5',
      '1e9',
      ` ${seconds}`,
      `${seconds}, 1`,
      '0x10',
      '9'.repeat(13),
    ]) {
      const given = { ...headers, 'webhook-timestamp': text };
      await refusal(verifyWebhook(body, given, sampleSecret), 'bad_timestamp');
    }
  });

  it('is signed: another one does not fit', async () => {
    const given = { ...headers, 'webhook-timestamp': String(seconds - 1) };
    await refusal(verifyWebhook(body, given, sampleSecret), 'no_match');
  });
});

describe('the signatures', () => {
  const signed = headers['webhook-signature'] ?? '';
  const foreign = signedDelivery({ secret: otherSecret }).headers['webhook-signature'] ?? '';
  const withSignature = (text: string) => ({ ...headers, 'webhook-signature': text });

  it('may be several, of which one fits, and so may be the secrets', async () => {
    for (const text of [`${foreign} ${signed}`, `${signed} ${foreign}`, ` v1,x  v2,y ${signed} `]) {
      assert.ok(await verifyWebhook(body, withSignature(text), sampleSecret));
    }
    assert.ok(await verifyWebhook(body, headers, [otherSecret, sampleSecret]));
    assert.ok(await verifyWebhook(body, headers, [sampleSecret, otherSecret]));
    await refusal(verifyWebhook(body, headers, otherSecret), 'no_match', /secret is of another/);
  });

  it('are looked at up to the sixteenth', async () => {
    const before = (n: number) => withSignature([...Array(n).fill(foreign), signed].join(' '));
    assert.ok(await verifyWebhook(body, before(15), sampleSecret));
    await refusal(verifyWebhook(body, before(16), sampleSecret), 'no_match');
  });

  it('fit in one way of writing them only', async () => {
    const bare = signed.slice(3);
    const bad = [
      bare,
      `v1:${bare}`,
      `V1,${bare}`,
      `v2,${bare}`,
      `v1a,${bare}`,
      `v1,${bare},`,
      `v1,${bare}\t`,
      `v1,${bare.slice(0, 9)}\n${bare.slice(9)}`,
      'v1,',
      'v1',
      signed.slice(0, -1),
      signed.replace(/.=$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1) + '='),
    ];
    for (const text of bad) {
      await refusal(verifyWebhook(body, withSignature(text), sampleSecret), 'no_match');
    }
  });

  it('of another version than the secrets can verify are told apart', async () => {
    const asymmetric = withSignature(`v1a,${randomBytes(64).toString('base64')}`);
    const verified = verifyWebhook(body, asymmetric, sampleSecret);
    await refusal(verified, 'no_match', /version that the secrets given can verify \(v1\)/);
  });
});

describe('ed25519 (v1a)', () => {
  // The example in the tests of the Svix server.
  it('fits the published example', async () => {
    const example = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature':
        'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
    };
    const publicKey = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
    const clock = { now: () => 1_614_265_330_000 };
    const verify = (text: string) => verifyWebhook(text, example, publicKey, { clock });
    await refusal(verify('{"test": 2432232314}'), 'bad_body', /signature fits/);
    await refusal(verify('{"test": 2432232315}'), 'no_match');
  });

  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const rawKey = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const secret = `whpk_${rawKey.toString('base64')}`;
  const timestamp = headers['webhook-timestamp'] ?? '';
  const signedWith = (key: KeyObject) => {
    const signature = sign(null, Buffer.from(`${id}.${timestamp}.${body}`), key);
    return { ...headers, 'webhook-signature': `v1a,${signature.toString('base64')}` };
  };

  it('is verified with the public key, alone or beside secrets', async () => {
    assert.deepEqual(await verifyWebhook(body, signedWith(privateKey), secret), event);
    assert.deepEqual(
      await verifyWebhook(body, signedWith(privateKey), [otherSecret, secret]),
      event,
    );
    assert.deepEqual(await verifyWebhook(body, headers, [secret, sampleSecret]), event);
  });

  it('refuses other bytes and other keys', async () => {
    await refusal(verifyWebhook(`${body} `, signedWith(privateKey), secret), 'no_match');
    const other = generateKeyPairSync('ed25519').privateKey;
    await refusal(verifyWebhook(body, signedWith(other), secret), 'no_match');
  });
});

describe('the secrets', () => {
  const bad: Record<string, [unknown, RegExp]> = {
    'not set': [undefined, /got undefined. Is the variable/],
    null: [null, /got null/],
    empty: ['', /got an empty text. Is the variable/],
    'white space': [' \n', /got an empty text/],
    'none at all': [[], /at least one/],
    'one of them not set': [[sampleSecret, undefined], /got undefined/],
    'a token': ['rck_123', /begins otherwise/],
    'base64 without its prefix': [sampleSecret.slice(6), /begins otherwise/],
    'no base64': ['whsec_äöü', /no base64/],
    'base64 of another alphabet': [`whsec_${'-_'.repeat(22)}`, /no base64/],
    'too short': [`whsec_${Buffer.alloc(23).toString('base64')}`, /23 bytes instead of 24 to 64/],
    'too long': [`whsec_${Buffer.alloc(65).toString('base64')}`, /65 bytes/],
    'a public key of another size': [`whpk_${Buffer.alloc(33).toString('base64')}`, /33 bytes/],
    'the private key': [`whsk_${Buffer.alloc(64).toString('base64')}`, /public one, whpk_/],
  };
  for (const [name, [secret, told]] of Object.entries(bad)) {
    it(`are refused when ${name}, and never shown`, async () => {
      const verified = verifyWebhook(body, headers, secret as string);
      await refusal(verified, 'bad_secret', told);
      const text = await verified.then(String, (error: Error) => error.stack ?? '');
      for (const one of [secret].flat()) {
        const shown = typeof one === 'string' ? one.slice(6) : '';
        assert.ok(shown.length < 3 || !text.includes(shown), text);
      }
    });
  }

  it('may carry the line break of the file they came from', async () => {
    assert.deepEqual(await verifyWebhook(body, headers, `${sampleSecret}\n`), event);
  });
});

it('refuses options that make no sense', async () => {
  const verify = (options: object) => verifyWebhook(body, headers, sampleSecret, options);
  await assert.rejects(verify({ tolerence: '5m' }), {
    code: 'invalid_option',
    message: /`tolerance`/,
  });
  await assert.rejects(verify({ tolerance: 'soon' }), { code: 'invalid_option' });
  await assert.rejects(verify({ tolerance: -1 }), { code: 'invalid_option' });
});

describe('any delivery', () => {
  const json = fc.record({ type: fc.string(), timestamp: fc.string(), data: fc.jsonValue() });
  const deliveries = fc.record({
    body: json.map((value) => JSON.stringify(value)),
    id: fc.stringMatching(/^[!-~]{1,40}$/),
    key: fc.uint8Array({ minLength: 24, maxLength: 64 }),
  });

  it('verifies as it was signed, and gives what was sent', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, async (p) => {
        const secret = `whsec_${Buffer.from(p.key).toString('base64')}`;
        const delivery = signedDelivery({ ...p, secret });
        const verified = await verifyWebhook(delivery.body, delivery.headers, secret);
        assert.deepEqual(verified, JSON.parse(p.body));
      }),
    );
  });

  it('does not verify with one byte changed, added or lost, in the body or in what is signed with it', async () => {
    const changes = fc.record({
      at: fc.nat(),
      kind: fc.constantFrom('change', 'add', 'lose'),
      bits: fc.integer({ min: 1, max: 255 }),
      where: fc.constantFrom('body', 'webhook-id', 'webhook-timestamp', 'webhook-signature'),
    });
    await fc.assert(
      fc.asyncProperty(deliveries, changes, async (p, change) => {
        const delivery = signedDelivery(p);
        const text =
          change.where === 'body' ? delivery.body : (delivery.headers[change.where] ?? '');
        const bytes = changed(Buffer.from(text), change);
        const given: [WebhookBody, Record<string, string>] =
          change.where === 'body'
            ? [bytes, delivery.headers]
            : [delivery.body, { ...delivery.headers, [change.where]: bytes.toString('latin1') }];
        await assert.rejects(verifyWebhook(...given, sampleSecret), {
          name: 'WebhookVerificationError',
        });
      }),
      { numRuns: 500 },
    );
  });

  it('does not verify with its dots moved: id, timestamp and body are not interchangeable', async () => {
    await fc.assert(
      fc.asyncProperty(deliveries, fc.nat(), async (p, pick) => {
        const delivery = signedDelivery(p);
        const { 'webhook-timestamp': seconds = '' } = delivery.headers;
        const signed = `${p.id}.${seconds}.${p.body}`;
        const dots = [...signed.matchAll(/\./g)].map(({ index }) => index);
        const first = dots[pick % dots.length] ?? 0;
        const second = signed.indexOf('.', first + 1);
        if (second === -1 || first === p.id.length) return;
        const moved = {
          ...delivery.headers,
          'webhook-id': signed.slice(0, first),
          'webhook-timestamp': signed.slice(first + 1, second),
        };
        await assert.rejects(verifyWebhook(signed.slice(second + 1), moved, sampleSecret), {
          name: 'WebhookVerificationError',
        });
      }),
    );
  });
});

function changed(
  bytes: Buffer,
  p: { readonly at: number; readonly kind: string; readonly bits: number },
): Buffer {
  const at = p.at % bytes.length;
  if (p.kind === 'lose') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
  if (p.kind === 'add') {
    return Buffer.concat([bytes.subarray(0, at), Buffer.from([p.bits]), bytes.subarray(at)]);
  }
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ p.bits;
  return copy;
}
