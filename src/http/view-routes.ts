import type { Task } from '../engine/task.ts';
import { cancelAzure, readAzure, submitAzure } from './azure-view.ts';
import type { HttpContext, Params } from './context.ts';
import { forgetGoogle, listGoogle, readGoogle, steerGoogle, submitGoogle } from './google-view.ts';
import { readMonitor, removeMonitored, submitMonitored } from './monitor-view.ts';
import { route, type Route } from './route.ts';

/**
 * The same operations as clients know them that were written for others: chosen by the address, never guessed from
 * the request.
 */
export function viewRoutes(context: HttpContext): Route[] {
  const id = (params: Params): string => params['id'] ?? '';
  const google = {
    view: true,
    get: (request, params) => readGoogle(context, request, id(params)),
    post: (request, params) => steerGoogle(context, request, id(params)),
    delete: (_, params) => forgetGoogle(context, id(params)),
  } satisfies Parameters<typeof route>[1];
  return [
    route('/azure/operations/:id', {
      view: true,
      get: (request, params) => readAzure(context, request, id(params)),
      post: (request, params) => cancelAzure(context, request, id(params)),
    }),
    route('/v1/operations', {
      view: true,
      get: (request) => listGoogle(context, request),
    }),
    route('/v1/operations/:id', google),
    // google-gax sends the name as one segment: operations%2Fop_…
    route('/v1/:name', {
      view: true,
      get: (request, params) => google.get(request, named(params)),
      post: (request, params) => google.post(request, named(params)),
      delete: (request, params) => google.delete(request, named(params)),
    }),
    route('/async/operations/:id', {
      view: true,
      get: (request, params) => readMonitor(context, request, id(params)),
      delete: (_, params) => removeMonitored(context, id(params)),
    }),
  ];
}

function named(params: Params): Params {
  const name = params['name'] ?? '';
  return { id: name.startsWith('operations/') ? name.slice('operations/'.length) : '' };
}

/** Where each view's clients submit to a task. */
export function viewTaskRoutes(context: HttpContext, task: Task): Route[] {
  return [
    route(`/azure${task.path}`, {
      view: true,
      post: (request) => submitAzure(context, request, task.name),
    }),
    route(`/v1${task.path}`, {
      view: true,
      post: (request) => submitGoogle(context, request, task.name),
    }),
    route(`/async${task.path}`, {
      view: true,
      post: (request) => submitMonitored(context, request, task.name),
    }),
  ];
}
