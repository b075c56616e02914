import { RaincheckError, type FieldError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import { limits } from '../core/limits.ts';

/** Headers that HTTP, the connection or Raincheck itself sets. */
const deniedNames = new Set([
  'host',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'keep-alive',
  'user-agent',
]);
const deniedPrefixes = ['content-', 'proxy-', 'webhook-'];

/** RFC 9110 section 5.6.2. */
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/**
 * Printable ASCII, with blanks and tabs only inside. Other characters arrive differently at
 * different receivers.
 */
const valuePattern = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/;

/**
 * Checks `value` as the headers that go with every delivery; returns them with names in lower case.
 * Throws `validation_failed` with all that is wrong; `pointer` is where `value` stands in the body.
 */
export function checkStaticHeaders(
  value: unknown,
  pointer: string,
): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidHeaders([{ pointer, detail: 'Expected an object of header names and values.' }]);
  }
  const entries = Object.entries(value);
  if (entries.length > limits.webhookHeaders) {
    throw invalidHeaders([
      {
        pointer,
        detail: `Expected at most ${limits.webhookHeaders} headers, got ${entries.length}.`,
      },
    ]);
  }
  const errors: FieldError[] = [];
  const headers = new Map<string, string>();
  for (const [name, text] of entries) {
    const key = name.toLowerCase();
    const detail = nameFault(key) ?? (headers.has(key) ? 'Stands here twice.' : valueFault(text));
    if (detail !== null) errors.push({ pointer: pointer + jsonPointer([name]), detail });
    headers.set(key, typeof text === 'string' ? text : '');
  }
  const bytes = [...headers].reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  if (errors.length === 0 && bytes > limits.webhookHeaderBytes) {
    const detail = `Expected at most ${limits.webhookHeaderBytes} bytes of names and values, got ${bytes}.`;
    errors.push({ pointer, detail });
  }
  if (errors.length > 0) throw invalidHeaders(errors);
  return Object.fromEntries(headers);
}

function nameFault(name: string): string | null {
  if (!tokenPattern.test(name)) return 'Not a valid header name.';
  if (deniedNames.has(name) || deniedPrefixes.some((prefix) => name.startsWith(prefix))) {
    return 'This header is set by the server or the connection and cannot be given.';
  }
  return null;
}

function valueFault(value: unknown): string | null {
  if (typeof value !== 'string') return 'Expected a string.';
  return valuePattern.test(value) ? null : 'Expected printable ASCII without blanks at its ends.';
}

function invalidHeaders(errors: readonly FieldError[]): RaincheckError {
  return new RaincheckError('validation_failed', 'The webhook headers are not valid.', { errors });
}
