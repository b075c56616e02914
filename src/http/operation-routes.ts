import { batchRoutes } from './batches.ts';
import type { HttpContext, Params } from './context.ts';
import { listErrors } from './error-groups.ts';
import { readEvents, wantsEvents } from './events.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { readFeed } from './feed.ts';
import { readLogs } from './logs.ts';
import {
  cancelOperation,
  listOperations,
  readInput,
  readStatus,
  removeOperation,
  retryOperation,
} from './operations.ts';
import { readResult } from './results.ts';
import { route, type Route } from './route.ts';
import { wantsHtml } from './pages/html-reply.ts';
import { cancelFromPage, readStatusPage } from './pages/status-route.ts';

const id = (params: Params): string => params['id'] ?? '';

/** Route of the status resource, whose address is in every 202. */
export function statusRoute(context: HttpContext): Route {
  return route('/operations/:id', {
    get: (request, params) => readAsAsked(context, request, id(params)),
    delete: (_, params) => removeOperation(context, id(params)),
  });
}

/** Routes of operations and of the resources below each, except its status. */
export function operationRoutes(context: HttpContext): Route[] {
  return [
    route('/events', { get: (request) => readFeed(context, request) }),
    route('/operations', { get: (request) => listOperations(context, request) }),
    ...batchRoutes(context),
    route('/operations/:id/events', {
      get: (request, params) => readEvents(context, request, id(params)),
    }),
    route('/operations/:id/logs', {
      get: (request, params) => readLogs(context, request, id(params)),
    }),
    route('/operations/:id/cancel', {
      post: (request, params) =>
        wantsHtml(request)
          ? cancelFromPage(context, id(params))
          : cancelOperation(context, id(params)),
    }),
    route('/operations/:id/retry', {
      post: (request, params) => retryOperation(context, request, id(params)),
    }),
    route('/operations/:id/input', { get: (_, params) => readInput(context, id(params)) }),
    route('/operations/:id/result', {
      get: (request, params) => readResult(context, request, { id: id(params), task: null }),
    }),
    route('/errors', { get: (request) => listErrors(context, request) }),
  ];
}

/**
 * Reads the status in one of three forms: JSON for programs, an event stream for followers, a page
 * for people.
 */
function readAsAsked(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const accept = request.header('accept');
  if (accept === undefined) return readStatus(context, request, id);
  if (wantsEvents(request)) return readEvents(context, request, id);
  return wantsHtml(request)
    ? readStatusPage(context, request, id)
    : readStatus(context, request, id);
}
