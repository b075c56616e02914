import { decodeCursor, encodeCursor, type CursorKind } from '../core/cursor.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { parseLimit, single } from './query.ts';

/**
 * The page that a request asks for, by `limit` and `cursor`. Throws `invalid_request`,
 * `invalid_cursor`.
 */
export function pageAsked(
  parameters: URLSearchParams,
  kind: CursorKind,
): { readonly limit: number; readonly beforeId: string | null } {
  const cursor = single(parameters, 'cursor');
  return {
    limit: parseLimit(parameters),
    beforeId: cursor === null ? null : decodeCursor(cursor, kind),
  };
}

/** `{"{kind}": […], "next_cursor": …}`, with `Link: rel="next"` while there is more. */
export function pageReply(
  context: HttpContext,
  p: {
    readonly kind: CursorKind;
    /** Path of the list, without the base path. */
    readonly path: string;
    readonly parameters: URLSearchParams;
    /** The JSON text of each item. */
    readonly items: readonly string[];
    readonly nextBeforeId: string | null;
  },
): ExchangeReply {
  const next = p.nextBeforeId === null ? null : encodeCursor(p.nextBeforeId, p.kind);
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    'cache-control': 'no-store',
  };
  if (next !== null) {
    p.parameters.set('cursor', next);
    headers['link'] = `<${context.basePath}${p.path}?${p.parameters.toString()}>; rel="next"`;
  }
  const body = `{"${p.kind}":[${p.items.join(',')}],"next_cursor":${JSON.stringify(next)}}`;
  return { status: 200, headers, body };
}
