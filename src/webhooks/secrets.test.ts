import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { checkSecret, makeSecret, verificationKey, type SignatureVersion } from './secrets.ts';

function refusal(text: unknown, version: SignatureVersion): RaincheckError {
  try {
    checkSecret(text, { version, pointer: '/secret' });
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    assert.equal(error.code, 'validation_failed');
    assert.equal(error.errors?.[0]?.pointer, '/secret');
    return error;
  }
  return assert.fail(`${String(text)} was accepted`);
}

const shared = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 0xfb).toString('base64')}`;
/** The key pair in Svix's documentation. */
const pair =
  'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const publicKey = 'whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=';
const seed = 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=';

describe('Secrets', () => {
  it('are made of 32 random bytes', () => {
    const secret = makeSecret('v1', Buffer.alloc(32, 1));
    assert.equal(secret, `whsec_${Buffer.alloc(32, 1).toString('base64')}`);
    assert.equal(checkSecret(secret, { version: 'v1', pointer: '' }), secret);
    assert.throws(() => makeSecret('v1', Buffer.alloc(31)), /Too few random bytes/);
  });

  it('of v1a are a key pair whose public half the receiver gets', () => {
    const secret = makeSecret('v1a', randomBytes(32));
    assert.equal(checkSecret(secret, { version: 'v1a', pointer: '' }), secret);
    const halves = Buffer.from(secret.slice('whsk_'.length), 'base64');
    assert.equal(halves.length, 64);
    const half = `whpk_${halves.subarray(32).toString('base64')}`;
    assert.equal(verificationKey(secret), half);
    assert.equal(makeSecret('v1a', Buffer.from(seed.slice(5), 'base64')), pair);
  });

  it('of v1a have the public half that RFC 8032 section 7.1 has for the seed', () => {
    const seed = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb';
    const published = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
    const key = verificationKey(makeSecret('v1a', Buffer.from(seed, 'hex')));
    assert.equal(key, `whpk_${Buffer.from(published, 'hex').toString('base64')}`);
  });

  it('that are shared verify themselves, of key pairs the public half does', () => {
    assert.equal(verificationKey(shared(32)), shared(32));
    assert.equal(verificationKey(pair), publicKey);
    assert.equal(verificationKey(seed), publicKey);
  });

  for (const [version, secret] of [
    ['v1', shared(24)],
    ['v1', shared(64)],
    ['v1a', pair],
    ['v1a', seed],
  ] as const) {
    it(`may be brought: ${secret.length} characters for ${version}`, () => {
      assert.equal(checkSecret(secret, { version, pointer: '/secret' }), secret);
    });
  }

  const misfits: [SignatureVersion, unknown, RegExp][] = [
    ['v1', undefined, /Expected a string/],
    ['v1', '', /Expected whsec_/],
    ['v1', shared(32).slice(6), /Expected whsec_/],
    ['v1', shared(23), /24 to 64 bytes behind whsec_, got 23/],
    ['v1', shared(65), /got 65/],
    ['v1', 'whsec_', /got 0/],
    ['v1', shared(32).replaceAll('+', '-'), /standard base64/],
    ['v1', shared(32).replaceAll('=', ''), /padding/],
    ['v1', `${shared(32)}\n`, /standard base64/],
    ['v1', shared(32).replace('whsec_', 'WHSEC_'), /Expected whsec_/],
    ['v1', pair, /Expected whsec_/],
    ['v1a', shared(32), /Expected whsk_/],
    ['v1a', publicKey, /Expected whsk_/],
    ['v1a', `whsk_${Buffer.alloc(33).toString('base64')}`, /32 or 64 bytes behind whsk_, got 33/],
    ['v1a', `whsk_${Buffer.alloc(64).toString('base64')}`, /not the public key of the first/],
  ];
  for (const [version, secret, detail] of misfits) {
    it(`of ${version} are refused: ${detail.source}`, () => {
      const error = refusal(secret, version);
      assert.match(error.errors?.[0]?.detail ?? '', detail);
      // The value may be a real secret, so no message repeats it.
      const key = String(secret).replace(/^wh\w+_/, '');
      if (key.length > 20) assert.ok(!JSON.stringify([error, error.message]).includes(key));
    });
  }
});
