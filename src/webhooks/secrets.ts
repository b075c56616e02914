import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';

/**
 * The keys that sign deliveries, as Standard Webhooks 1.0 writes them: base64 behind a prefix that
 * names the kind. `whsec_` is a shared key of 24 to 64 bytes (v1, HMAC-SHA256). `whsk_` is an
 * ed25519 secret key (v1a), seed and public key one after the other, 64 bytes; the receiver gets
 * only its public half, `whpk_`.
 */
export type SignatureVersion = 'v1' | 'v1a';

export const sharedPrefix = 'whsec_';
export const privatePrefix = 'whsk_';
const publicPrefix = 'whpk_';

const sharedBytesMin = 24;
const sharedBytesMax = 64;
const seedBytes = 32;

/** Bytes that `makeSecret` takes from its source. */
export const randomBytesPerSecret = 32;

/** A new secret; `random` is randomBytesPerSecret bytes from a cryptographic source. */
export function makeSecret(version: SignatureVersion, random: Uint8Array): string {
  const seed = Buffer.from(random.subarray(0, randomBytesPerSecret));
  if (seed.length !== randomBytesPerSecret) throw new Error('Too few random bytes for a secret');
  if (version === 'v1') return sharedPrefix + seed.toString('base64');
  return privatePrefix + Buffer.concat([seed, publicHalf(seed)]).toString('base64');
}

/**
 * What a receiver verifies with: a shared secret itself, or the public half of a key pair,
 * `whpk_…`.
 */
export function verificationKey(secret: string): string {
  if (!secret.startsWith(privatePrefix)) return secret;
  return publicPrefix + publicHalf(privateSeed(secret)).toString('base64');
}

/**
 * Checks `text` as a secret that a customer brings for `version`. Throws `validation_failed` that
 * names `pointer` and never quotes the text.
 */
export function checkSecret(
  text: unknown,
  p: { readonly version: SignatureVersion; readonly pointer: string },
): string {
  const detail = typeof text === 'string' ? secretFault(text, p.version) : 'Expected a string.';
  if (detail === null) return text as string;
  throw new RaincheckError('validation_failed', 'The webhook secret is not valid.', {
    errors: [{ pointer: p.pointer, detail }],
  });
}

/** 24 to 64 bytes. */
export function sharedKey(secret: string): Buffer {
  return Buffer.from(secret.slice(sharedPrefix.length), 'base64');
}

export function privateKey(secret: string): KeyObject {
  return keyOfSeed(privateSeed(secret));
}

function secretFault(text: string, version: SignatureVersion): string | null {
  if (version === 'v1') {
    const bytes = strictBase64(text, sharedPrefix);
    if (bytes === null) return 'Expected whsec_ and standard base64 with its padding.';
    if (bytes.length >= sharedBytesMin && bytes.length <= sharedBytesMax) return null;
    return `Expected ${sharedBytesMin} to ${sharedBytesMax} bytes behind whsec_, got ${bytes.length}.`;
  }
  const bytes = strictBase64(text, privatePrefix);
  if (bytes === null) return 'Expected whsk_ and standard base64 with its padding.';
  if (bytes.length === seedBytes) return null;
  if (bytes.length !== 2 * seedBytes) {
    return `Expected an ed25519 key of 32 or 64 bytes behind whsk_, got ${bytes.length}.`;
  }
  // A wrong public half would sign well and verify nowhere.
  return publicHalf(bytes.subarray(0, seedBytes)).equals(bytes.subarray(seedBytes))
    ? null
    : 'The second half is not the public key of the first.';
}

/** null unless every decoder reads the same bytes: many refuse what Buffer.from forgives. */
function strictBase64(text: string, prefix: string): Buffer | null {
  if (!text.startsWith(prefix)) return null;
  const encoded = text.slice(prefix.length);
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? bytes : null;
}

function privateSeed(secret: string): Buffer {
  return Buffer.from(secret.slice(privatePrefix.length), 'base64').subarray(0, seedBytes);
}

/** RFC 8410 section 7: the PrivateKeyInfo of an ed25519 key without its seed, which comes last. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex');

function keyOfSeed(seed: Buffer): KeyObject {
  const key = Buffer.concat([pkcs8Head, seed]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function publicHalf(seed: Buffer): Buffer {
  const spki = createPublicKey(keyOfSeed(seed)).export({ format: 'der', type: 'spki' });
  return spki.subarray(-seedBytes);
}
