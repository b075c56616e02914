import type { Task } from '../../engine/task.ts';
import { cancelAzure, readAzure, submitAzure } from './azure-view.ts';
import type { HttpContext, Params } from '../context.ts';
import { forgetGoogle, listGoogle, readGoogle, steerGoogle, submitGoogle } from './google-view.ts';
import { readMonitor, removeMonitored, submitMonitored } from './monitor-view.ts';
import { route, type Route } from '../route.ts';

/**
 * Routes that show the same operations to clients written for other APIs. The path selects the
 * form; it is never guessed from the request.
 */
export function viewRoutes(context: HttpContext): Route[] {
  const id = (params: Params): string => params['id'] ?? '';
  const google = {
    audience: 'otherClients',
    // `:wait` only reads.
    scope: {
      post: (params) =>
        (params['id'] ?? params['name'] ?? '').endsWith(':wait') ? 'read' : 'operate',
    },
    get: (request, params) => readGoogle(context, request, googleId(params)),
    post: (request, params) => steerGoogle(context, request, googleId(params)),
    delete: (_, params) => forgetGoogle(context, googleId(params)),
  } satisfies Parameters<typeof route>[1];
  return [
    route('/azure/operations/:id', {
      audience: 'otherClients',
      get: (request, params) => readAzure(context, request, id(params)),
      post: (request, params) => cancelAzure(context, request, id(params)),
    }),
    route('/v1/operations', {
      audience: 'otherClients',
      get: (request) => listGoogle(context, request),
    }),
    route('/v1/operations/:id', google),
    route('/v1/:name', google),
    route('/async/operations/:id', {
      audience: 'otherClients',
      get: (request, params) => readMonitor(context, request, id(params)),
      delete: (_, params) => removeMonitored(context, id(params)),
    }),
  ];
}

/**
 * The id in `/v1/operations/{id}`. Clients that take the name in `/v1/{name=operations/**}` for one
 * segment send `/v1/operations%2F{id}` or, like google-gax, `/v1/operations/operations%2F{id}`.
 */
function googleId({ id, name }: Params): string {
  const given = id ?? name ?? '';
  const prefix = 'operations/';
  if (given.startsWith(prefix)) return given.slice(prefix.length);
  return id ?? '';
}

/** The paths at which each view's clients submit to a task. */
export function viewTaskRoutes(context: HttpContext, task: Task): Route[] {
  return [
    route(`/azure${task.path}`, {
      audience: 'otherClients',
      scope: 'submit',
      post: (request) => submitAzure(context, request, task.name),
    }),
    route(`/v1${task.path}`, {
      audience: 'otherClients',
      scope: 'submit',
      post: (request) => submitGoogle(context, request, task.name),
    }),
    route(`/async${task.path}`, {
      audience: 'otherClients',
      scope: 'submit',
      post: (request) => submitMonitored(context, request, task.name),
    }),
  ];
}
