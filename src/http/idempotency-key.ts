import { hash } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/**
 * The key in an Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07): a
 * structured-field String in quotes, or the bare key, as most clients send it. Throws
 * `invalid_request`.
 */
export function parseIdempotencyKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  const text = header.trim();
  const key = text.startsWith('"') ? unquote(text) : bare(text);
  if (key === null || key === '' || key.length > limits.idempotencyKeyChars) {
    throw new RaincheckError(
      'invalid_request',
      `Expected one Idempotency-Key of 1 to ${limits.idempotencyKeyChars} printable ASCII characters, in double quotes when it has spaces or commas.`,
    );
  }
  return key;
}

/** Unquotes a String of RFC 9651, 3.3.3: printable ASCII, in which only `"` and `\` are escaped. */
function unquote(text: string): string | null {
  return /^"(?:[ !#-[\]-~]|\\["\\])*"$/.test(text)
    ? text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1')
    : null;
}

/** A bare key has neither spaces nor commas, because two headers arrive joined by ', '. */
function bare(text: string): string | null {
  return /^[!#-+\--~]+$/.test(text) ? text : null;
}

/**
 * Two requests with one key are the same if they have the same task, the same body byte for byte,
 * and the same options in the query as written (`delay=10m` means the same at any hour).
 */
export function fingerprint(p: {
  readonly task: string;
  readonly body: Uint8Array;
  readonly options: string;
}): string {
  const head = Buffer.from(`${p.task}\n${p.options}\n`);
  return hash('sha256', Buffer.concat([head, p.body]), 'base64url');
}
