import { durationMs, type Duration } from '../core/duration.ts';
import { refuseUnknownKeys } from '../core/options.ts';
import type { WireWebhookEvent } from '../core/wire-webhook.ts';
import { WebhookVerificationError } from './webhook-error.ts';
import { bytesOfBase64, importWebhookKey, type WebhookKey } from './webhook-key.ts';

/**
 * The raw body of a delivery, not what a parser made of it, because the signature covers the exact
 * bytes.
 */
export type WebhookBody = string | Uint8Array | ArrayBuffer;

/**
 * A Headers object, or the headers as a plain object with names in any case (node:http, Express,
 * Fastify).
 */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** The options of verifyWebhook(). */
export type VerifyOptions = {
  /**
   * How far `webhook-timestamp` may be from now, in either direction. Default 5 minutes; each
   * attempt is signed anew.
   */
  readonly tolerance?: Duration | undefined;
  /** Clock for tests. Default: the machine's clock. */
  readonly clock?: { now(): number } | undefined;
};

const toleranceMsDefault = 300_000;
/** A sender signs once with each of its live secrets; none that we know has more than this. */
const signaturesMax = 16;
const signatureBytes = { v1: 32, v1a: 64 } as const;

type Signature = {
  readonly version: 'v1' | 'v1a';
  readonly bytes: Uint8Array<ArrayBuffer>;
};

/**
 * Verifies a delivery by Standard Webhooks 1.0 and resolves to its event. The sender signs the
 * bytes `id.timestamp.body`. Give several secrets while one replaces another; any of them may fit.
 * Rejects with WebhookVerificationError, or with `invalid_option` for options that make no sense.
 * Runs wherever WebCrypto exists, as in Node, Deno, Bun and workers.
 *   secrets ──► headers ──► age ──► one signature fits under one secret ──► JSON ──► the event
 *
 * It cannot tell a first delivery from a repeated one. Compare `webhook-id`, which stays the same.
 */
// oxlint-disable-next-line max-params -- the order of Standard Webhooks, with the secrets beside it
export async function verifyWebhook(
  rawBody: WebhookBody,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<WireWebhookEvent> {
  refuseUnknownKeys('verifyWebhook', options, ['tolerance', 'clock']);
  const toleranceMs = durationMs('tolerance', options.tolerance ?? toleranceMsDefault);
  const body = bytesOf(rawBody);
  const keys = await keysOf(secrets);
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = signaturesIn(headerOf(headers, 'webhook-signature'));
  refuseAge(timestamp, { now: (options.clock ?? Date).now(), toleranceMs });
  const signed = joined(new TextEncoder().encode(`${id}.${timestamp}.`), body);
  if (await anyFits(signed, { signatures, keys })) return eventIn(body);
  throw new WebhookVerificationError('no_match', mismatchText({ body, signatures, keys }));
}

/**
 * A copy of the body, so that the bytes verified are the bytes parsed, even if somebody writes to
 * the buffer meanwhile.
 */
function bytesOf(rawBody: unknown): Uint8Array<ArrayBuffer> {
  if (typeof rawBody === 'string') return new TextEncoder().encode(rawBody);
  // Not instanceof, because test runners give each file its own globals.
  if (ArrayBuffer.isView(rawBody)) {
    return new Uint8Array(new Uint8Array(rawBody.buffer, rawBody.byteOffset, rawBody.byteLength));
  }
  if (isArrayBuffer(rawBody)) return new Uint8Array(rawBody.slice(0));
  const nothing = rawBody === undefined || rawBody === null;
  throw new WebhookVerificationError(
    'bad_body',
    `Expected the raw body, as a string, Uint8Array or ArrayBuffer, got ${
      nothing ? `${rawBody}: nothing read it, or something did before` : 'what a parser made of it'
    }. The signature covers the bytes as they came, and JSON written anew is other bytes. Keep them: ` +
      "express.raw({ type: 'application/json' }) on this route, before any express.json(); a content type " +
      "parser with parseAs: 'buffer' in Fastify; await request.text() with fetch. See docs/webhooks.md.",
  );
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]';
}

async function keysOf(secrets: string | readonly string[]): Promise<readonly WebhookKey[]> {
  const list: readonly unknown[] = Array.isArray(secrets) ? secrets : [secrets];
  if (list.length > 0) return Promise.all(list.map(importWebhookKey));
  throw new WebhookVerificationError('bad_secret', 'Expected at least one secret, got none.');
}

/**
 * The single value of a header. A proxy may have doubled it, but which of two is signed would be a
 * guess.
 */
function headerOf(headers: WebhookHeaders, name: string): string {
  const values = valuesOf(headers, name);
  const [value] = values;
  if (values.length === 1 && typeof value === 'string' && value !== '') return value;
  const many = values.length > 1 || Array.isArray(value);
  throw new WebhookVerificationError(
    'missing_header',
    `Expected one header ${name}, got ${many ? 'several' : 'none'}.`,
  );
}

function valuesOf(headers: WebhookHeaders, name: string): readonly unknown[] {
  const given: unknown = headers; // JavaScript may pass anything.
  if (typeof given !== 'object' || given === null) return [];
  if ('get' in given && typeof given.get === 'function') return [given.get(name)];
  return Object.entries(given)
    .filter(([key, value]) => value !== undefined && key.toLowerCase() === name)
    .map(([, value]) => value);
}

/** Compares whole seconds, as the sender counts them: an age of 300.9 s is 300. */
function refuseAge(
  timestamp: string,
  { now, toleranceMs }: { readonly now: number; readonly toleranceMs: number },
): void {
  if (!/^\d{1,12}$/.test(timestamp)) {
    throw new WebhookVerificationError(
      'bad_timestamp',
      'Expected webhook-timestamp to be a whole number of seconds since 1970.',
    );
  }
  const ageSeconds = Math.floor(now / 1000) - Number(timestamp);
  if (Math.abs(ageSeconds) * 1000 <= toleranceMs) return;
  const old = ageSeconds > 0;
  throw new WebhookVerificationError(
    old ? 'too_old' : 'too_new',
    `Signed ${Math.abs(ageSeconds)} s ${old ? 'ago' : 'from now'} by this machine's clock, ` +
      `more than the ${toleranceMs / 1000} s allowed. Is the clock right? Verify on arrival, not later from a queue.`,
  );
}

/**
 * The signatures in `v1,base64 v1a,base64 …`. Malformed ones and other versions cannot fit, so they
 * are left out.
 */
function signaturesIn(header: string): readonly Signature[] {
  return header
    .split(' ')
    .slice(0, signaturesMax)
    .flatMap((entry) => {
      const [version, base64 = '', ...more] = entry.split(',');
      if ((version !== 'v1' && version !== 'v1a') || more.length > 0) return [];
      const bytes = bytesOfBase64(base64);
      return bytes?.length === signatureBytes[version] ? [{ version, bytes }] : [];
    });
}

/** WebCrypto compares in constant time. Which of several signatures fits is not a secret. */
async function anyFits(
  signed: Uint8Array<ArrayBuffer>,
  p: { readonly signatures: readonly Signature[]; readonly keys: readonly WebhookKey[] },
): Promise<boolean> {
  for (const { version, key } of p.keys) {
    for (const signature of p.signatures) {
      if (signature.version !== version) continue;
      if (await crypto.subtle.verify(key.algorithm.name, key, signature.bytes, signed)) return true;
    }
  }
  return false;
}

function mismatchText(p: {
  readonly body: Uint8Array;
  readonly signatures: readonly Signature[];
  readonly keys: readonly WebhookKey[];
}): string {
  if (p.body.length === 0) {
    return 'No signature fits, and the body is empty: did something read it before?';
  }
  const versions = new Set(p.keys.map(({ version }) => version));
  if (!p.signatures.some(({ version }) => versions.has(version))) {
    const known = [...versions].join(' and ');
    return `No signature is of the version that the secrets given can verify (${known}).`;
  }
  return (
    'No signature fits: the secret is of another endpoint or was replaced, the body is not as it came ' +
    '(was it parsed and written anew?), or it is a forgery.'
  );
}

function eventIn(body: Uint8Array): WireWebhookEvent {
  const event = jsonIn(body);
  const isEvent =
    typeof event === 'object' &&
    event !== null &&
    'type' in event &&
    typeof event.type === 'string' &&
    'timestamp' in event &&
    typeof event.timestamp === 'string';
  // The signer has the secret, so the rest is trusted to be as in core/wire-webhook.ts, or newer.
  if (isEvent) return event as WireWebhookEvent;
  throw new WebhookVerificationError(
    'bad_body',
    'The signature fits, but the body is no event: expected a JSON object with `type` and `timestamp`.',
  );
}

function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (cause) {
    throw new WebhookVerificationError('bad_body', 'The signature fits, but the body is no JSON.', {
      cause,
    });
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
