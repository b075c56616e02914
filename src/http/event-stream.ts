import type { Clock } from '../core/clock.ts';

/** What the streams of server-sent events (WHATWG HTML, 9.2) share. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  // no-transform: a compressing proxy or middleware would hold events back until it has a block.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** What a client that lost its connection should wait before it comes back. The first line of every stream. */
export const retryLine = 'retry: 2000\n\n';

export const pingLine = ': ping\n\n';

/** What comes next, or 'silence' when nothing has come within `ms`; `next` goes on then. */
export async function withinMs<T>(
  next: Promise<T>,
  elapsed: Pick<Clock, 'sleep'>,
  ms: number,
): Promise<T | 'silence'> {
  const done = new AbortController();
  const silence = elapsed.sleep(Math.max(0, ms), done.signal).then(() => 'silence' as const);
  try {
    return await Promise.race([next, silence]);
  } finally {
    done.abort();
  }
}

/** A result that is inlined as the text it came as may hold line breaks, as JSON between its values. */
export function oneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}
