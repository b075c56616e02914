import { arazzoDocument } from '../openapi/arazzo.ts';
import type { HttpContext, Params, RouteAction } from '../context.ts';
import { readDashboard } from './dashboard.ts';
import { docsReader } from './docs-html.ts';
import { readDocsCss, readDocsJs } from './docs-page-assets.ts';
import type { ExchangeReply } from '../exchange.ts';
import { Inbox } from './inbox.ts';
import { readIndex } from './index-page.ts';
import { jsonReply } from '../json-reply.ts';
import type { Json } from '../openapi/schemas.ts';
import { readProblemType } from '../problem-types.ts';
import { route, type Route } from '../route.ts';
import { readStatusCss, readStatusJs } from './status-page-assets.ts';

/** What describes us, and our pages with what they are made of. `document`: the OpenAPI document, made when asked for. */
export function pageRoutes(context: HttpContext, document: () => Json): Route[] {
  // Once, as the tasks never change.
  let openapi: ExchangeReply | null = null;
  let arazzo: ExchangeReply | null = null;
  const asset = { open: true, asset: true };
  return [
    route('/', { scope: null, get: (request) => readIndex(context, request) }),
    route('/openapi.json', { scope: null, get: () => (openapi ??= jsonReply(document())) }),
    route('/arazzo.json', {
      scope: null,
      get: () => (arazzo ??= jsonReply(arazzoDocument(context))),
    }),
    route('/docs', { ...docsReader(context, document), ...asset }),
    route('/assets/docs.css', { get: () => readDocsCss(), ...asset }),
    route('/assets/docs.js', { get: () => readDocsJs(), ...asset }),
    route('/assets/status.css', { get: () => readStatusCss(), ...asset }),
    route('/assets/status.js', { get: () => readStatusJs(), ...asset }),
    route('/problems/:code', {
      scope: null,
      get: (_, params) => readProblemType(context, params['code'] ?? ''),
    }),
    ...dashboardRoutes(context),
    ...inboxRoutes(context),
  ];
}

/** Its files need no token, as they say nothing: what it shows it asks for with one. */
function dashboardRoutes(context: HttpContext): Route[] {
  if (context.dashboard === null) return [];
  const get: RouteAction = (request, params) => readDashboard(context, request, params['*'] ?? '');
  return [
    route('/dashboard', { get, open: true, asset: true }),
    route('/dashboard/*', { get, open: true, asset: true }),
  ];
}

/** What sends webhooks brings no token; who reads them does. */
function inboxRoutes(context: HttpContext): Route[] {
  if (!context.dev) return [];
  const inbox = new Inbox();
  const below = (params: Params): string => ((params['*'] ?? '') === '' ? '' : `/${params['*']}`);
  const actions: Parameters<typeof route>[1] = {
    open: 'post',
    asset: true,
    get: (request, params) => inbox.read(context, request, below(params)),
    post: (request, params) => inbox.receive(context, request, below(params)),
    delete: () => inbox.forget(),
  };
  return [route('/inbox', actions), route('/inbox/*', actions)];
}
