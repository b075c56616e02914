import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { expected, integerOption, refuseUnknownKeys } from '../core/options.ts';
import type { Operation } from '../core/operation.ts';
import type { Scope } from '../core/scope.ts';
import type { Engine } from '../engine/engine.ts';
import { silentLogger, type Logger } from '../engine/logger.ts';
import type { DescribedOperation } from '../webhooks/event-body.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { createAccess, type AccessToken, type Grant } from './access.ts';
import type { RouteAction, HttpContext } from './context.ts';
import type { DashboardFiles } from './pages/dashboard.ts';
import { describeOperation } from './described-operation.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import type { MetricsSource } from './metrics.ts';
import { problemReply } from './problem.ts';
import { isOpen, neededScope, type Route } from './route.ts';
import { createRouter, type Router } from './routes.ts';
import { refuseCrossSite, refuseStrangeName } from './same-origin.ts';

/** The options of createApp(). */
export type AppOptions = {
  readonly engine: Engine;
  /**
   * Default: no webhooks are sent. Their routes answer 404, and a submit that asks for one is
   * refused.
   */
  readonly webhooks?: Webhooks;
  /**
   * Public prefix of every path, like '/ops'. Requests may come with it or, when a proxy or a
   * framework has cut it off, without. Default: the path of `publicUrl`, else ''.
   */
  readonly basePath?: string;
  /** The address by which clients reach this server, like 'https://api.example.com/ops'. */
  readonly publicUrl?: string;
  /**
   * Bearer token with all scopes. With this or `tokens`, every request to a route that is not open
   * must bring a token. Default: none is needed.
   */
  readonly token?: string;
  /** Bearer tokens that each have their own scopes. */
  readonly tokens?: readonly AccessToken[];
  /**
   * Origins, like 'https://app.example.com', whose pages may submit and change operations without a
   * token. Default: only our own.
   */
  readonly allowedOrigins?: readonly string[];
  /** Source of `GET /metrics`. Default: none, and the route answers 404. */
  readonly metrics?: MetricsSource;
  /** Largest request body in bytes, 1 to 64 MiB. Default limits.bodyBytes. */
  readonly bodyBytesMax?: number;
  /** Receives the details of internal errors, which clients do not see. Default: silent. */
  readonly logger?: Logger;
  /**
   * Returns the files of the dashboard at /dashboard; called at each request for one. Default: no
   * dashboard.
   */
  readonly dashboard?: () => DashboardFiles;
  /** For `raincheck dev`: `/inbox` catches webhooks, and a browser at `/` goes to the dashboard. Default false. */
  readonly dev?: boolean;
  /** Version shown in the OpenAPI document and the index. */
  readonly version?: string;
};

/** The HTTP API without a transport; adapters put one around it. */
export type App = {
  /** Never rejects: every error is a problem+json reply. */
  handle(request: ExchangeRequest): Promise<ExchangeReply>;
  /** The problem reply for an error that the transport itself finds. */
  problem(error: unknown): ExchangeReply;
  /** Public prefix of every path; '' when there is none. */
  readonly basePath: string;
};

/** An App that also describes operations for webhooks. */
export type DescribingApp = App & {
  /** The operation as webhook bodies show it. No I/O. Does not throw. */
  describe(operation: Operation): DescribedOperation;
};

/** Makes the HTTP API of an engine. Throws `invalid_option`. */
export function createApp(options: AppOptions): DescribingApp {
  const context = createContext(options);
  const router = createRouter(context);
  return {
    basePath: context.basePath,
    problem: (error) => problemReply(context, error),
    describe: (operation) => describeOperation(context, operation),
    async handle(request) {
      try {
        return await dispatch({ context, router }, request);
      } catch (error) {
        return errorReply(context, request, error);
      }
    },
  };
}

type Parts = {
  readonly context: HttpContext;
  readonly router: Router;
};

function dispatch(parts: Parts, request: ExchangeRequest): ExchangeReply | Promise<ExchangeReply> {
  const { path, method } = request;
  if (path.length + request.query.length > limits.urlChars) {
    throw new RaincheckError(
      'uri_too_long',
      `The address is longer than ${limits.urlChars} characters.`,
    );
  }
  const { context } = parts;
  const match = parts.router(withoutBasePath(path, context.basePath));
  // Checked first, so that a client without a token does not learn which routes exist.
  const grant =
    match !== null && isOpen(match.value, method)
      ? null
      : context.access.grant(request.header('authorization'));
  if (method === 'GET' || method === 'HEAD') refuseStrangeName(context, request);
  else refuseCrossSite(context, request);
  if (match === null) {
    if (method === 'OPTIONS' && path === '*') return optionsReply(allMethods);
    throw new RaincheckError('not_found', nothingAt(path, context));
  }
  const { value: route } = match;
  const action = actionOf(route, method);
  if (action === undefined) return noActionReply(context, route, method);
  const scope = neededScope(route, method, match.params);
  if (scope !== null && grant?.scopes.includes(scope) === false) {
    return forbiddenReply(context, { scope, grant });
  }
  if (method !== 'HEAD') return action(request, match.params);
  return Promise.resolve(action(request, match.params)).then(headReply);
}

/** Says when webhooks are off, so that nobody looks for an error in the base path. */
function nothingAt(path: string, { basePath, webhooks }: HttpContext): string {
  const isOfWebhooks = withoutBasePath(path, basePath).startsWith('/webhooks/');
  return webhooks === null && isOfWebhooks
    ? 'This server sends no webhooks.'
    : 'There is nothing at this address.';
}

const allMethods = 'GET, HEAD, POST, PATCH, DELETE, OPTIONS';

function actionOf(route: Route, method: string): RouteAction | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return route.get;
    case 'POST':
      return route.post;
    case 'PATCH':
      return route.patch;
    case 'DELETE':
      return route.delete;
    default:
      return undefined;
  }
}

/** A 403 with the header that OAuth clients look for (RFC 6750, 3.1). */
function forbiddenReply(
  context: HttpContext,
  { scope, grant }: { readonly scope: Scope; readonly grant: Grant },
): ExchangeReply {
  const whose = grant.name === null ? 'This token' : `The token '${grant.name}'`;
  const error = new RaincheckError(
    'forbidden',
    `This needs the scope \`${scope}\`. ${whose} has ${grant.scopes.join(', ')}.`,
  );
  return problemReply(context, error, {
    'www-authenticate': `Bearer realm="raincheck", error="insufficient_scope", scope="${scope}"`,
  });
}

function noActionReply(context: HttpContext, route: Route, method: string): ExchangeReply {
  if (method === 'OPTIONS') return optionsReply(route.allow);
  const error = new RaincheckError(
    'method_not_allowed',
    `This address answers ${route.allow.replaceAll(', OPTIONS', '')}.`,
  );
  return problemReply(context, error, { allow: route.allow });
}

function optionsReply(allow: string): ExchangeReply {
  const headers: Record<string, string> = { allow };
  if (allow.includes('POST')) headers['accept-post'] = 'application/json';
  if (allow.includes('PATCH')) headers['accept-patch'] = 'application/json';
  return { status: 204, headers, body: null };
}

/** The reply of the GET without its body, but with its length. */
function headReply(reply: ExchangeReply): ExchangeReply {
  const { body } = reply;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return { ...reply, body: null };
  const headers = { ...reply.headers, 'content-length': String(Buffer.byteLength(body)) };
  return { ...reply, headers, body: null };
}

function errorReply(context: HttpContext, request: ExchangeRequest, error: unknown): ExchangeReply {
  const reply = problemReply(context, error);
  if (reply.status >= 500 && reply.status !== 503 && reply.status !== 501) {
    const { method, path } = request;
    context.logger.error({ err: error, method, path }, 'A request ended in an internal error');
  }
  return request.method === 'HEAD' ? headReply(reply) : reply;
}

function withoutBasePath(path: string, basePath: string): string {
  if (basePath === '' || !path.startsWith(basePath)) return path;
  if (path.length === basePath.length) return '/';
  return path.charAt(basePath.length) === '/' ? path.slice(basePath.length) : path;
}

function createContext(options: AppOptions): HttpContext {
  refuseUnknownKeys('createApp', options, [
    'engine',
    'webhooks',
    'basePath',
    'publicUrl',
    'token',
    'tokens',
    'allowedOrigins',
    'metrics',
    'bodyBytesMax',
    'logger',
    'dashboard',
    'dev',
    'version',
  ]);
  const publicUrl = options.publicUrl === undefined ? null : checkedPublicUrl(options.publicUrl);
  return {
    engine: options.engine,
    webhooks: options.webhooks ?? null,
    basePath: checkedBasePath(options.basePath ?? publicUrl?.pathname ?? ''),
    publicOrigin: publicUrl === null ? null : publicUrl.origin,
    access: createAccess(options),
    allowedOrigins: checkedOrigins(options.allowedOrigins ?? []),
    logger: options.logger ?? silentLogger,
    metrics: options.metrics ?? null,
    bodyBytesMax: integerOption('bodyBytesMax', options.bodyBytesMax, {
      min: 1,
      max: 64 * 1_048_576,
      fallback: limits.bodyBytes,
    }),
    dashboard: options.dashboard ?? null,
    dev: options.dev ?? false,
    version: options.version ?? '0',
  };
}

function checkedBasePath(basePath: string): string {
  const cut = basePath.replace(/\/+$/, '');
  if (cut === '' || /^(?:\/[\w.~-]+)+$/.test(cut)) return cut;
  throw expected('basePath', "a path like '/ops'", basePath);
}

/** Returns the origins if each is written as browsers write it, so that plain comparison works. */
export function checkedOrigins(origins: unknown): readonly string[] {
  if (!Array.isArray(origins)) throw expected('allowedOrigins', 'a list of origins', origins);
  for (const origin of origins as readonly unknown[]) {
    const url = typeof origin === 'string' && URL.canParse(origin) ? new URL(origin) : null;
    if (url === null || url.origin !== origin || !/^https?:$/.test(url.protocol)) {
      throw expected('allowedOrigins', "origins like 'https://app.example.com'", origin);
    }
  }
  return origins as readonly string[];
}

function checkedPublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return url;
  }
  throw expected('publicUrl', "an address like 'https://api.example.com/ops'", text);
}
