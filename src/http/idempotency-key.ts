import { hash } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/**
 * The key of an Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header-07): a structured
 * string in quotes, or the bare key as most clients send it. Throws `invalid_request`.
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

/** RFC 9651, 3.3.3: printable ASCII; only `"` and `\` are escaped. */
function unquote(text: string): string | null {
  return /^"(?:[ !#-[\]-~]|\\["\\])*"$/.test(text)
    ? text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1')
    : null;
}

/** Neither spaces nor commas: two headers arrive joined by ', '. */
function bare(text: string): string | null {
  return /^[!#-+\--~]+$/.test(text) ? text : null;
}

/**
 * What makes two requests with one key the same: the task, the body byte for byte, and the options
 * of the query as they were written (a `delay=10m` is the same wish at any hour).
 */
export function fingerprint(p: {
  readonly task: string;
  readonly body: Uint8Array;
  readonly options: string;
}): string {
  const head = Buffer.from(`${p.task}\n${p.options}\n`);
  return hash('sha256', Buffer.concat([head, p.body]), 'base64url');
}
