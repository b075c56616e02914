import type { HttpContext, RouteAction } from '../context.ts';
import type { Json } from '../openapi/schemas.ts';
import { route, type Route } from '../route.ts';
import { readDashboard } from './dashboard.ts';
import { readDocsCss, readDocsJs } from './docs-page-assets.ts';
import { docsReader } from './docs-route.ts';
import { readIndex } from './index-page.ts';
import { readStatusCss, readStatusJs } from './status-page-assets.ts';

/**
 * Routes of our pages and their files. `document` makes the OpenAPI document, which `/docs` shows.
 */
export function pageRoutes(context: HttpContext, document: () => Json): Route[] {
  const page = { open: true, audience: 'browsers' } as const;
  return [
    route('/', { scope: null, get: (request) => readIndex(context, request) }),
    route('/docs', { ...docsReader(context, document), ...page }),
    route('/assets/docs.css', { get: () => readDocsCss(), ...page }),
    route('/assets/docs.js', { get: () => readDocsJs(), ...page }),
    route('/assets/status.css', { get: () => readStatusCss(), ...page }),
    route('/assets/status.js', { get: () => readStatusJs(), ...page }),
    ...dashboardRoutes(context),
  ];
}

/**
 * The dashboard's files need no token, because they hold no data. The program itself sends one when
 * it asks for data.
 */
function dashboardRoutes(context: HttpContext): Route[] {
  if (context.dashboard === null) return [];
  const get: RouteAction = (request, params) => readDashboard(context, request, params['*'] ?? '');
  return [
    route('/dashboard', { get, open: true, audience: 'browsers' }),
    route('/dashboard/*', { get, open: true, audience: 'browsers' }),
  ];
}
