import { WebhookVerificationError } from './webhook-error.ts';

/**
 * A key that verifies deliveries, from a secret as Standard Webhooks 1.0 writes it:
 *
 *   whsec_ base64 of 24..64 bytes   the shared secret of a `v1` signature, HMAC-SHA256
 *   whpk_  base64 of 32 bytes       the public key of a `v1a` signature, Ed25519
 */
export type WebhookKey = {
  readonly version: 'v1' | 'v1a';
  readonly key: Awaited<ReturnType<typeof crypto.subtle.importKey>>;
};

const schemes = {
  whsec_: {
    version: 'v1',
    bytesMin: 24,
    bytesMax: 64,
    algorithm: { name: 'HMAC', hash: 'SHA-256' },
  },
  whpk_: { version: 'v1a', bytesMin: 32, bytesMax: 32, algorithm: { name: 'Ed25519' } },
} as const;

/**
 * Imports a secret, ignoring white space around it. Throws `bad_secret`, whose message never shows
 * the secret.
 */
export async function importWebhookKey(secret: unknown): Promise<WebhookKey> {
  // An environment variable that is not set arrives as undefined, whatever the types say.
  if (typeof secret !== 'string') {
    const got = secret === null ? 'null' : typeof secret;
    throw badSecret(`got ${got}. Is the variable that should hold it set?`);
  }
  const text = secret.trim();
  if (text === '') throw badSecret('got an empty text. Is the variable that should hold it set?');
  if (text.startsWith('whsk_')) {
    throw badSecret("got the sender's private key. Receivers verify with the public one, whpk_…");
  }
  const prefix = text.startsWith('whpk_') ? 'whpk_' : 'whsec_';
  if (!text.startsWith(prefix)) throw badSecret('got a text that begins otherwise.');
  const { version, bytesMin, bytesMax, algorithm } = schemes[prefix];
  const bytes = bytesOfBase64(text.slice(prefix.length));
  if (bytes === null) throw badSecret(`what follows ${prefix} is no base64.`);
  if (bytes.length < bytesMin || bytes.length > bytesMax) {
    const wanted = bytesMin === bytesMax ? `${bytesMin}` : `${bytesMin} to ${bytesMax}`;
    throw badSecret(`what follows ${prefix} has ${bytes.length} bytes instead of ${wanted}.`);
  }
  const key = await crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
  return { version, key };
}

/**
 * The bytes of a text exactly as btoa writes it, so that no two texts are the same signature; null
 * for any other text.
 */
export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    const characters = atob(text);
    if (btoa(characters) !== text) return null; // atob skips white space and reads on without padding.
    return Uint8Array.from(characters, (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}

function badSecret(what: string): WebhookVerificationError {
  return new WebhookVerificationError(
    'bad_secret',
    `Expected each secret to be like whsec_… (or whpk_…, a public key): ${what}`,
  );
}
