import { createHmac, sign, type KeyObject } from 'node:crypto';
import { privateKey, privatePrefix, sharedKey } from './secrets.ts';

/**
 * The `webhook-signature` of one attempt, as Standard Webhooks 1.0 has it: for each secret, in the order given,
 * a signature of `id.timestamp.body`, separated by spaces. `v1` is HMAC-SHA256, `v1a` ed25519; the prefix of a
 * secret says which. `body` is the bytes that are sent; `timestamp` is in whole seconds since 1970.
 */
export function webhookSignature(p: {
  readonly id: string;
  readonly timestamp: number;
  readonly body: Buffer;
  readonly secrets: readonly string[];
}): string {
  const head = `${p.id}.${p.timestamp}.`;
  return p.secrets
    .map((secret) =>
      secret.startsWith(privatePrefix)
        ? `v1a,${asymmetric(secret, head, p.body)}`
        : `v1,${symmetric(secret, head, p.body)}`,
    )
    .join(' ');
}

/** Of the secrets used last: making one takes as long as signing with it, and of ed25519 ten times that. */
const keys = new Map<string, KeyObject>();
const keysMax = 1_000;

function keyOf(secret: string): KeyObject {
  const known = keys.get(secret);
  if (known !== undefined) return known;
  const made = secret.startsWith(privatePrefix) ? privateKey(secret) : sharedKey(secret);
  if (keys.size >= keysMax) keys.clear();
  keys.set(secret, made);
  return made;
}

function symmetric(secret: string, head: string, body: Buffer): string {
  return createHmac('sha256', keyOf(secret)).update(head).update(body).digest('base64');
}

function asymmetric(secret: string, head: string, body: Buffer): string {
  const signed = Buffer.concat([Buffer.from(head), body]);
  return sign(null, signed, keyOf(secret)).toString('base64');
}
