import { RaincheckError } from '../core/errors.ts';
import type { Task } from '../engine/task.ts';
import type { HttpContext, Params } from './context.ts';
import { inboxRoutes } from './inbox-routes.ts';
import { documentRoutes } from './openapi/document-routes.ts';
import { openapiDocument } from './openapi/document.ts';
import type { Json } from './openapi/schemas.ts';
import { operationRoutes, statusRoute } from './operation-routes.ts';
import { pageRoutes } from './pages/page-routes.ts';
import { PathTable, type PathMatch } from './path-table.ts';
import { readResult } from './results.ts';
import { route, type Route } from './route.ts';
import { serverRoutes } from './server-routes.ts';
import { submit } from './submit.ts';
import { listTasks, readTask, setTaskPaused } from './tasks.ts';
import { viewRoutes, viewTaskRoutes } from './views/view-routes.ts';
import { webhookRoutes } from './webhook-routes.ts';

/**
 * Finds the route of a path; null: there is none. `path` is without the base path, still
 * percent-encoded.
 */
export type Router = (path: string) => PathMatch<Route> | null;

/** First segments reserved for us, although this server may have no such route, or none yet. */
const alsoReserved: readonly string[] = ['dashboard', 'inbox', 'worker'];

/** Throws `invalid_option` when two tasks, or a task and one of our routes, have the same path. */
export function createRouter(context: HttpContext): Router {
  const table = new PathTable<Route>();
  const fixed = new Map<string, PathMatch<Route>>();
  const { all, status } = routeTable(context);
  for (const route of all) {
    const { pattern } = route;
    // Fixed paths are in the table too, which knows that %72 is an r.
    table.add(pattern, route);
    const path = pattern.replaceAll('::', ':');
    if (!/(?<!:):\w|\*/.test(pattern)) fixed.set(path, { value: route, params: noParams });
  }
  return (path) => fixed.get(path) ?? statusMatch(status, path) ?? table.find(path);
}

/** All routes, ours and those of tasks. Throws as createRouter does. */
export function routeTable(context: HttpContext): {
  readonly all: readonly Route[];
  readonly status: Route;
} {
  const status = statusRoute(context);
  const all: Route[] = [status, ...ownRoutes(context, () => openapiDocument(context, all))];
  const reserved = new Set([...all.map(({ pattern }) => firstSegment(pattern)), ...alsoReserved]);
  const takenBy = new Map<string, string>();
  for (const task of context.engine.tasks.values()) {
    if (reserved.has(firstSegment(task.path))) throw reservedPath(task);
    for (const route of taskRoutes(context, task)) {
      const other = takenBy.get(route.pattern);
      if (other !== undefined) throw taken(task, route.pattern, other);
      takenBy.set(route.pattern, task.name);
      all.push(route);
    }
  }
  return { all, status };
}

/**
 * The first segment without what follows a colon, as in `/operations::batch-retry`, because clients
 * may encode the colon or not. '' for `/`.
 */
function firstSegment(pattern: string): string {
  return pattern.split('/', 2)[1]?.split(':', 1)[0] ?? '';
}

function taken(task: Task, pattern: string, other: string): RaincheckError {
  return new RaincheckError(
    'invalid_option',
    `Task '${task.name}' needs the address ${pattern}, which task '${other}' has: choose another \`path\`.`,
  );
}

const noParams = {};
const statusPrefix = '/operations/';
const statusPathChars = statusPrefix.length + 'op_'.length + 26;

/** The poll is the most frequent request of all, so it is recognised without a search. */
function statusMatch(route: Route, path: string): PathMatch<Route> | null {
  return path.length === statusPathChars && path.startsWith('/operations/op_')
    ? { value: route, params: { id: path.slice(statusPrefix.length) } }
    : null;
}

function reservedPath(task: Task): RaincheckError {
  return new RaincheckError(
    'invalid_option',
    `The \`path\` ${task.path} of task '${task.name}' is one of Raincheck's own: choose another.`,
  );
}

function taskRoutes(context: HttpContext, task: Task): Route[] {
  return [
    route(task.path, {
      scope: 'submit',
      post: (request) => submit(context, request, { task: task.name, mayWait: true }),
    }),
    route(`${task.path}/async`, {
      scope: 'submit',
      post: (request) => submit(context, request, { task: task.name, mayWait: false }),
    }),
    route(`${task.path}/:id`, {
      get: (request, params) =>
        readResult(context, request, { id: params['id'] ?? '', task: task.name }),
    }),
    ...viewTaskRoutes(context, task),
  ];
}

/** All of our routes but the status, which the router adds itself. */
function ownRoutes(context: HttpContext, document: () => Json): Route[] {
  return [
    ...operationRoutes(context),
    ...ownTaskRoutes(context),
    ...serverRoutes(context),
    ...documentRoutes(context, document),
    ...pageRoutes(context, document),
    ...inboxRoutes(context),
    ...webhookRoutes(context),
    ...viewRoutes(context),
  ];
}

function ownTaskRoutes(context: HttpContext): Route[] {
  const name = (params: Params): string => params['name'] ?? '';
  return [
    // Every client that may submit has to know the tasks, so no scope is needed.
    route('/tasks', { scope: null, get: () => listTasks(context) }),
    route('/tasks/:name', { scope: null, get: (_, params) => readTask(context, name(params)) }),
    route('/tasks/:name/pause', {
      post: (_, params) => setTaskPaused(context, name(params), true),
    }),
    route('/tasks/:name/resume', {
      post: (_, params) => setTaskPaused(context, name(params), false),
    }),
  ];
}
