import findMyWay from 'find-my-way';
import { RaincheckError } from '../core/errors.ts';
import type { Task } from '../engine/task.ts';
import type { HttpContext, Params, RouteAction } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { readDashboard } from './dashboard.ts';
import { readEvents, wantsEvents } from './events.ts';
import { readFeed } from './feed.ts';
import { readLiveness, readReadiness } from './health.ts';
import { Inbox } from './inbox.ts';
import { readIndex } from './index-page.ts';
import { jsonReply } from './json-reply.ts';
import { openapiDocument } from './openapi.ts';
import { readMetrics } from './metrics.ts';
import {
  cancelOperation,
  listOperations,
  readStatus,
  removeOperation,
  retryOperation,
} from './operations.ts';
import { readProblemType } from './problem-types.ts';
import { readResult } from './results.ts';
import { route, type Route } from './route.ts';
import { cancelFromPage, readStatusPage, wantsHtml } from './status-html.ts';
import { readStatusCss, readStatusJs } from './status-page-assets.ts';
import { StatsAnswers } from './stats.ts';
import { submit } from './submit.ts';
import { listTasks, readTask, setTaskPaused } from './tasks.ts';
import { readWhoami } from './whoami.ts';
import { viewRoutes, viewTaskRoutes } from './view-routes.ts';
import { webhookRoutes } from './webhook-routes.ts';
import { listWorkers } from './workers.ts';

export type Match = { readonly route: Route; readonly params: Params };

/** Where an address leads; null: nowhere. `path` is without the base path, still percent-encoded. */
export type Router = (path: string) => Match | null;

/** First segments a task may not take: ours, now and as announced. */
const reservedSegments: ReadonlySet<string> = new Set([
  'operations',
  'events',
  'tasks',
  'whoami',
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
  'workers',
  'stats',
  'azure',
  'v1',
  'async',
  'assets',
]);

/** Throws `invalid_option` when two tasks, or a task and we, want the same address. */
export function createRouter(context: HttpContext): Router {
  const finder = findMyWay({ maxParamLength: 200 });
  const fixed = new Map<string, Match>();
  const { all, status } = routeTable(context);
  for (const route of all) {
    const { pattern } = route;
    // The finder has the fixed ones too: it knows that %72 is an r.
    finder.on('GET', pattern, unused, route);
    if (!/[:*]/.test(pattern)) fixed.set(pattern, { route, params: noParams });
  }
  return (path) => fixed.get(path) ?? statusMatch(status, path) ?? found(finder, path);
}

/** Every route, ours and the tasks'. Throws as createRouter does. */
export function routeTable(context: HttpContext): {
  readonly all: readonly Route[];
  readonly status: Route;
} {
  const { all, status } = ownRoutes(context);
  const takenBy = new Map<string, string>();
  for (const task of context.engine.tasks.values()) {
    refuseReservedPath(task);
    for (const route of taskRoutes(context, task)) {
      const other = takenBy.get(route.pattern);
      if (other !== undefined) throw taken(task, route.pattern, other);
      takenBy.set(route.pattern, task.name);
      all.push(route);
    }
  }
  return { all, status };
}

function taken(task: Task, pattern: string, other: string): RaincheckError {
  return new RaincheckError(
    'invalid_option',
    `Task '${task.name}' needs the address ${pattern}, which task '${other}' has: choose another \`path\`.`,
  );
}

function unused(): void {
  // find-my-way insists on a function; ours are in the route it stores.
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

/** One address, three ways to look at it: for programs, for who stays, for people. */
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

function ownRoutes(context: HttpContext): { readonly all: Route[]; readonly status: Route } {
  let openapi: ExchangeReply | null = null; // the tasks never change
  const stats = new StatsAnswers(context);
  const id = (params: Params): string => params['id'] ?? '';
  const name = (params: Params): string => params['name'] ?? '';
  const status = route('/operations/:id', {
    get: (request, params) => readAsAsked(context, request, id(params)),
    delete: (_, params) => removeOperation(context, id(params)),
  });
  const all = [
    route('/', { scope: null, get: (request) => readIndex(context, request) }),
    route('/livez', { get: () => readLiveness(), open: true }),
    route('/readyz', { get: () => readReadiness(context), open: true }),
    route('/openapi.json', {
      scope: null,
      get: () => (openapi ??= jsonReply(openapiDocument(context, routeTable(context).all))),
    }),
    route('/whoami', { scope: null, get: (request) => readWhoami(context, request) }),
    route('/assets/status.css', { get: () => readStatusCss(), open: true, asset: true }),
    route('/assets/status.js', { get: () => readStatusJs(), open: true, asset: true }),
    route('/problems/:code', {
      scope: null,
      get: (_, params) => readProblemType(context, params['code'] ?? ''),
    }),
    route('/events', { get: (request) => readFeed(context, request) }),
    route('/operations', { get: (request) => listOperations(context, request) }),
    status,
    route('/operations/:id/events', {
      get: (request, params) => readEvents(context, request, id(params)),
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
    route('/operations/:id/result', {
      get: (request, params) => readResult(context, request, { id: id(params), task: null }),
    }),
    // Whoever may submit has to know what and where.
    route('/tasks', { scope: null, get: () => listTasks(context) }),
    route('/tasks/:name', { scope: null, get: (_, params) => readTask(context, name(params)) }),
    route('/tasks/:name/pause', {
      post: (_, params) => setTaskPaused(context, name(params), true),
    }),
    route('/tasks/:name/resume', {
      post: (_, params) => setTaskPaused(context, name(params), false),
    }),
    ...dashboardRoutes(context),
    ...inboxRoutes(context),
    route('/stats', { get: (request) => stats.read(request) }),
    route('/metrics', {
      get: () => readMetrics(context),
      open: context.metrics?.isOpen ?? false,
    }),
    route('/workers', { get: () => listWorkers(context) }),
    ...webhookRoutes(context),
    ...viewRoutes(context),
  ];
  return { all, status };
}
