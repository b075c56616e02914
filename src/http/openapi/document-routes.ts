import type { HttpContext } from '../context.ts';
import type { ExchangeReply } from '../exchange.ts';
import { jsonReply } from '../json-reply.ts';
import { route, type Route } from '../route.ts';
import { arazzoDocument } from './arazzo.ts';
import type { Json } from './schemas.ts';

/**
 * Routes of the documents that describe the API to programs. `document` makes the OpenAPI document;
 * it is called once, at the first request for it.
 */
export function documentRoutes(context: HttpContext, document: () => Json): Route[] {
  // Both are kept, because tasks never change.
  let openapi: ExchangeReply | null = null;
  let arazzo: ExchangeReply | null = null;
  return [
    route('/openapi.json', { scope: null, get: () => (openapi ??= jsonReply(document())) }),
    route('/arazzo.json', {
      scope: null,
      get: () => (arazzo ??= jsonReply(arazzoDocument(context))),
    }),
  ];
}
