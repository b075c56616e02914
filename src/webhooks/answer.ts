import type { DeliveryAnswer } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { Exchanged } from './exchange.ts';
import { parseHttpDate } from './http-date.ts';

/** What is kept of the answer for people, and what it asks of us. */
export function deliveryAnswer(status: number, exchanged: Exchanged): DeliveryAnswer {
  return {
    status,
    headers: keptHeaders(exchanged.headers),
    excerpt: exchanged.bodyBytes === 0 ? null : excerptOf(exchanged),
  };
}

/** When the endpoint wants the next attempt at the earliest: 429 and 503 with Retry-After; null: it did not say. */
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

/** Whether the answer's `webhook-delivery` holds `word`. */
export function asksFor(headers: Exchanged['headers'], word: 'disable' | 'abort-message'): boolean {
  return [headers['webhook-delivery'] ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .some((value) => value.trim().toLowerCase() === word);
}

/** First what decides something, so that it is not what falls out. */
const keptFirst = new Set([
  'location',
  'retry-after',
  'webhook-delivery',
  'webhook-allowed-origin',
  'webhook-allowed-rate',
  'content-type',
]);
/** May hold what its owner would not like to find in our database. */
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

/** null: not UTF-8, or with a NUL, which databases refuse in text. A cut may go through a last character. */
function utf8Text(bytes: Buffer, isCut: boolean): string | null {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    // `stream` keeps back the bytes of a character that has not ended, and says nothing of them.
    const text = decoder.decode(bytes, { stream: isCut });
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
