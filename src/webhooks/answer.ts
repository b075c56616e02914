import type { DeliveryAnswer } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { Exchanged } from './exchange.ts';
import { parseHttpDate } from './http-date.ts';

/** The part of an answer that is stored for people to read. */
export function deliveryAnswer(status: number, exchanged: Exchanged): DeliveryAnswer {
  return {
    status,
    headers: keptHeaders(exchanged.headers),
    excerpt: exchanged.bodyBytes === 0 ? null : excerptOf(exchanged),
  };
}

/**
 * The earliest instant at which the endpoint wants the next attempt, from Retry-After of a 429 or
 * 503; null: it named none.
 */
export function retryAfterAt(
  status: number,
  headers: Exchanged['headers'],
  now: number,
): number | null {
  if (status !== 429 && status !== 503) return null;
  const [text = ''] = [headers['retry-after'] ?? ''].flat();
  const at = /^\d+$/.test(text) ? now + Number(text) * 1_000 : parseHttpDate(text, now);
  if (at === null || at <= now) return null;
  return Math.min(at, now + limits.retryAfterGateMsMax);
}

/** Whether the answer's `webhook-delivery` header holds `word`. */
export function asksFor(headers: Exchanged['headers'], word: 'disable' | 'abort-message'): boolean {
  const values = headers['webhook-delivery'];
  if (values === undefined) return false;
  return [values]
    .flat()
    .flatMap((value) => value.split(','))
    .some((value) => value.trim().toLowerCase() === word);
}

/**
 * Headers that decide something are kept first, so that they are not the ones that find no room.
 */
const keptFirst = new Set([
  'location',
  'retry-after',
  'webhook-delivery',
  'webhook-allowed-origin',
  'webhook-allowed-rate',
  'content-type',
]);
/** Headers that may hold values their owner would not want in our database. */
const leftOut = new Set(['set-cookie', 'set-cookie2', '__proto__']);

function keptHeaders(headers: Exchanged['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  let room: number = limits.deliveryAnswerHeaderChars;
  const keep = (name: string): void => {
    const value = headers[name];
    if (value === undefined || leftOut.has(name)) return;
    const text = typeof value === 'string' ? value : value.join(', ');
    if (name.length + text.length > room) return;
    room -= name.length + text.length;
    kept[name] = text;
  };
  for (const name of keptFirst) keep(name);
  for (const name of Object.keys(headers)) if (!keptFirst.has(name)) keep(name);
  return kept;
}

function excerptOf({ excerpt, bodyBytes }: Exchanged): { text: string } | { base64: string } {
  const text = utf8Text(excerpt, bodyBytes > excerpt.length);
  return text === null ? { base64: excerpt.toString('base64') } : { text };
}

/**
 * null: not UTF-8, or with a NUL, which databases refuse in text. `isCut`: the last character may
 * be cut.
 */
function utf8Text(bytes: Buffer, isCut: boolean): string | null {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    // `stream` holds back the bytes of an incomplete character at the end, without an error.
    const text = decoder.decode(bytes, { stream: isCut });
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
