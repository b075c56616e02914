import findMyWay from 'find-my-way';
import { RaincheckError } from '../core/errors.ts';
import type { Task } from '../engine/task.ts';
import type { Handler, HttpContext, Params } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { readIndex, readLiveness, readProblemType, readReadiness } from './health.ts';
import { openapiDocument } from './openapi.ts';
import {
  cancelOperation,
  listOperations,
  readStatus,
  removeOperation,
  retryOperation,
} from './operations.ts';
import { readResult } from './results.ts';
import { submit } from './submit.ts';
import { jsonReply, listTasks, readTask, setTaskPaused } from './tasks.ts';

/** One address with what may be done there. HEAD follows GET, OPTIONS is answered by the app. */
export type Route = {
  readonly pattern: string;
  readonly get?: Handler;
  readonly post?: Handler;
  readonly delete?: Handler;
  /** The Allow header. */
  readonly allow: string;
  /** Answers without a token. */
  readonly open: boolean;
};

export type Match = { readonly route: Route; readonly params: Params };

/** Where an address leads; null: nowhere. `path` is without the base path, still percent-encoded. */
export type Router = (path: string) => Match | null;

/** First segments a task may not take: ours, now and as announced. */
const reservedSegments: ReadonlySet<string> = new Set([
  'operations',
  'tasks',
  'problems',
  'livez',
  'readyz',
  'openapi.json',
  'metrics',
  'docs',
  'dashboard',
  'inbox',
  'webhooks',
  'worker',
]);

/** Throws `invalid_option` when two tasks, or a task and we, want the same address. */
export function createRouter(context: HttpContext): Router {
  const finder = findMyWay({ maxParamLength: 200 });
  const fixed = new Map<string, Match>();
  const add = (route: Route): void => {
    if (route.pattern.includes(':')) finder.on('GET', route.pattern, unused, route);
    else if (fixed.has(route.pattern)) throw new Error(`Two routes for ${route.pattern}`);
    else fixed.set(route.pattern, { route, params: noParams });
    // Also in the finder, which knows that %72 is an r.
    if (!route.pattern.includes(':')) finder.on('GET', route.pattern, unused, route);
  };
  const own = ownRoutes(context);
  own.all.forEach(add);
  for (const task of context.engine.tasks.values()) {
    refuseReservedPath(task);
    for (const route of taskRoutes(context, task)) {
      try {
        add(route);
      } catch (cause) {
        throw new RaincheckError(
          'invalid_option',
          `The \`path\` ${task.path} of task '${task.name}' is taken by another task.`,
          { cause },
        );
      }
    }
  }
  return (path) => fixed.get(path) ?? statusMatch(own.status, path) ?? found(finder, path);
}

function unused(): void {
  // find-my-way insists on a handler; ours are in the route it stores.
}

const noParams: Params = {};
const statusPrefix = '/operations/';
const statusPathChars = statusPrefix.length + 'op_'.length + 26;

/** The poll is the most frequent request of all: no search for it. */
function statusMatch(route: Route, path: string): Match | null {
  return path.length === statusPathChars && path.startsWith('/operations/op_')
    ? { route, params: { id: path.slice(statusPrefix.length) } }
    : null;
}

function found(finder: ReturnType<typeof findMyWay>, path: string): Match | null {
  const match = finder.find('GET', path);
  return match === null || match.store === null
    ? null
    : { route: match.store as Route, params: match.params };
}

function refuseReservedPath(task: Task): void {
  const segment = task.path.split('/', 2)[1] ?? '';
  if (segment !== '' && !reservedSegments.has(segment)) return;
  throw new RaincheckError(
    'invalid_option',
    `The \`path\` ${task.path} of task '${task.name}' is one of Raincheck's own: choose another.`,
  );
}

function taskRoutes(context: HttpContext, task: Task): Route[] {
  return [
    route(task.path, {
      post: (request) => submit(context, request, { task, mayWait: true }),
    }),
    route(`${task.path}/async`, {
      post: (request) => submit(context, request, { task, mayWait: false }),
    }),
    route(`${task.path}/:id`, {
      get: (request, params) =>
        readResult(context, request, { id: params['id'] ?? '', task: task.name }),
    }),
  ];
}

function ownRoutes(context: HttpContext): { readonly all: Route[]; readonly status: Route } {
  let openapi: ExchangeReply | null = null; // the tasks never change
  const id = (params: Params): string => params['id'] ?? '';
  const name = (params: Params): string => params['name'] ?? '';
  const status = route('/operations/:id', {
    get: (request, params) => readStatus(context, request, id(params)),
    delete: (_, params) => removeOperation(context, id(params)),
  });
  const all = [
    route('/', { get: () => readIndex(context) }),
    route('/livez', { get: () => readLiveness(), open: true }),
    route('/readyz', { get: () => readReadiness(context), open: true }),
    route('/openapi.json', { get: () => (openapi ??= jsonReply(openapiDocument(context))) }),
    route('/problems/:code', {
      get: (_, params) => readProblemType(context, params['code'] ?? ''),
    }),
    route('/operations', { get: (request) => listOperations(context, request) }),
    status,
    route('/operations/:id/cancel', { post: (_, params) => cancelOperation(context, id(params)) }),
    route('/operations/:id/retry', {
      post: (request, params) => retryOperation(context, request, id(params)),
    }),
    route('/operations/:id/result', {
      get: (request, params) => readResult(context, request, { id: id(params), task: null }),
    }),
    route('/tasks', { get: () => listTasks(context) }),
    route('/tasks/:name', { get: (_, params) => readTask(context, name(params)) }),
    route('/tasks/:name/pause', {
      post: (_, params) => setTaskPaused(context, name(params), true),
    }),
    route('/tasks/:name/resume', {
      post: (_, params) => setTaskPaused(context, name(params), false),
    }),
  ];
  return { all, status };
}

function route(
  pattern: string,
  p: { get?: Handler; post?: Handler; delete?: Handler; open?: boolean },
): Route {
  const { open = false, ...handlers } = p;
  const allow = [p.get && 'GET, HEAD', p.post && 'POST', p.delete && 'DELETE', 'OPTIONS'];
  return { pattern, open, allow: allow.filter(Boolean).join(', '), ...handlers };
}
