import type { HttpContext, Params } from './context.ts';
import { Inbox } from './inbox.ts';
import { route, type Route } from './route.ts';

/**
 * Routes of `/inbox` on a dev server; none elsewhere. Webhook senders bring no token, so only POST
 * is open.
 */
export function inboxRoutes(context: HttpContext): Route[] {
  if (!context.dev) return [];
  const inbox = new Inbox();
  const below = (params: Params): string => ((params['*'] ?? '') === '' ? '' : `/${params['*']}`);
  const actions: Parameters<typeof route>[1] = {
    open: 'post',
    audience: 'browsers',
    get: (request, params) => inbox.read(context, request, below(params)),
    post: (request, params) => inbox.receive(context, request, below(params)),
    delete: () => inbox.forget(),
  };
  return [route('/inbox', actions), route('/inbox/*', actions)];
}
