import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import { makeSecret, verificationKey } from './secrets.ts';
import { webhookSignature } from './signature.ts';

const id = 'msg_p5jXN8AQM9LWM0D4loKWxJek';
const body = Buffer.from('{"test": 2432232314}');

/** The receivers' libraries compare with the machine's clock. */
const now = (): number => Math.floor(Date.now() / 1_000);

function headersOf(p: { secrets: string[]; body: Buffer; timestamp?: number }) {
  const timestamp = p.timestamp ?? now();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': webhookSignature({ id, timestamp, body: p.body, secrets: p.secrets }),
  };
}

describe('Signatures', () => {
  it('are those of the published examples', () => {
    const timestamp = 1_614_265_330;
    // The vector in the tests of the Standard Webhooks libraries.
    const shared = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const symmetric = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';
    assert.equal(webhookSignature({ id, timestamp, body, secrets: [shared] }), symmetric);
    // The vector in the tests of the Svix server.
    const pair =
      'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
    const asymmetric =
      'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==';
    assert.equal(webhookSignature({ id, timestamp, body, secrets: [pair] }), asymmetric);
    assert.equal(
      webhookSignature({ id, timestamp, body, secrets: [pair, shared] }),
      `${asymmetric} ${symmetric}`,
    );
  });

  for (const Webhook of [StandardWebhook, SvixWebhook]) {
    const name = Webhook === StandardWebhook ? 'standardwebhooks' : 'svix';

    it(`are accepted by ${name}, whatever the body holds`, () => {
      const secret = makeSecret('v1', randomBytes(32));
      for (const value of ['', 'ü𝄞 é', '\u2028"\\', 'x'.repeat(100_000)]) {
        const bytes = Buffer.from(JSON.stringify({ value }));
        const headers = headersOf({ secrets: [secret], body: bytes });
        assert.doesNotThrow(() => new Webhook(secret).verify(bytes.toString(), headers));
      }
    });

    it(`of a rotation are accepted by ${name} with either secret, newest first`, () => {
      const [newer, older, other] = [1, 2, 3].map((byte) =>
        makeSecret('v1', Buffer.alloc(32, byte)),
      );
      const headers = headersOf({ secrets: [newer!, older!], body });
      for (const secret of [newer!, older!]) {
        assert.doesNotThrow(() => new Webhook(secret).verify(body.toString(), headers));
      }
      assert.throws(() => new Webhook(other!).verify(body.toString(), headers), /No matching/);
      const [first] = headers['webhook-signature'].split(' ');
      assert.equal(first, headersOf({ secrets: [newer!], body })['webhook-signature']);
    });

    it(`of both versions at once are accepted by ${name}`, () => {
      const shared = makeSecret('v1', randomBytes(32));
      const headers = headersOf({ secrets: [makeSecret('v1a', randomBytes(32)), shared], body });
      assert.doesNotThrow(() => new Webhook(shared).verify(body.toString(), headers));
    });

    it(`are refused by ${name} when anything signed was changed`, () => {
      const secret = makeSecret('v1', randomBytes(32));
      const headers = headersOf({ secrets: [secret], body });
      const receiver = new Webhook(secret);
      const changes: [string, object][] = [
        [`${body.toString()} `, {}],
        [body.toString(), { 'webhook-id': 'msg_other' }],
        [body.toString(), { 'webhook-timestamp': String(now() - 1) }],
      ];
      for (const [text, change] of changes) {
        assert.throws(() => receiver.verify(text, { ...headers, ...change }), /No matching/);
      }
      const late = headersOf({ secrets: [secret], body, timestamp: now() - 3_600 });
      assert.throws(() => receiver.verify(body.toString(), late), /too old/);
    });
  }

  it('of v1a are ed25519 signatures under the public key that was told', () => {
    const secret = makeSecret('v1a', randomBytes(32));
    const headers = headersOf({ secrets: [secret], body });
    const signature = Buffer.from(headers['webhook-signature'].replace('v1a,', ''), 'base64');
    const x = Buffer.from(verificationKey(secret).slice('whpk_'.length), 'base64');
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') },
      format: 'jwk',
    });
    const signed = `${id}.${headers['webhook-timestamp']}.${body.toString()}`;
    assert.ok(verify(null, Buffer.from(signed), key, signature));
    assert.ok(!verify(null, Buffer.from(`${signed} `), key, signature));
  });
});
