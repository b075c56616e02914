import type { Clock } from '../core/clock.ts';

/** Headers of every stream of server-sent events (WHATWG HTML, 9.2). */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  // no-transform, because a compressing proxy or middleware would hold events back until it has a
  // full block.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/** The first line of every stream: how long a client waits before it reconnects. */
export const retryLine = 'retry: 2000\n\n';

export const pingLine = ': ping\n\n';

/** Resolves to what `next` brings, or to 'silence' after `ms`; `next` itself goes on then. */
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

/** JSON on one line. A result inlined as stored may hold line breaks between its values. */
export function oneLine(json: string): string {
  return json.includes('\n') || json.includes('\r') ? json.replaceAll(/[\r\n]+/g, ' ') : json;
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}
