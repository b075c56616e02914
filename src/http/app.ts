import { hash, timingSafeEqual } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { expected, integerOption, refuseUnknownKeys } from '../core/options.ts';
import type { Operation } from '../core/operation.ts';
import type { Engine } from '../engine/engine.ts';
import { silentLogger, type Logger } from '../engine/logger.ts';
import type { DescribedOperation } from '../webhooks/event-body.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { RouteAction, HttpContext } from './context.ts';
import { describeOperation } from './described-operation.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import type { MetricsSource } from './metrics.ts';
import { problemReply } from './problem.ts';
import type { Route } from './route.ts';
import { createRouter, type Router } from './routes.ts';

export type AppOptions = {
  readonly engine: Engine;
  /** Default: none are sent; their addresses are 404, and a submit that asks for one is refused. */
  readonly webhooks?: Webhooks;
  /**
   * Public prefix of every address, like '/ops'. Requests may come with it or, when a proxy or a
   * framework has cut it off, without. Default: the path of `publicUrl`, else ''.
   */
  readonly basePath?: string;
  /** How clients reach this server, like 'https://api.example.com/ops'; for the OpenAPI document. */
  readonly publicUrl?: string;
  /** Bearer token that every request but /livez and /readyz must bring. Default: none is asked for. */
  readonly token?: string;
  /** What `GET /metrics` tells. Default: nothing, 404. */
  readonly metrics?: MetricsSource;
  /** Largest request body in bytes, 1 to 64 MiB. Default limits.bodyBytes. */
  readonly bodyBytesMax?: number;
  /** Gets what clients are not told about internal errors. Default: silent. */
  readonly logger?: Logger;
  /** Version shown in the OpenAPI document and the index. */
  readonly version?: string;
};

export type App = {
  /** Never rejects: every error is a problem+json reply. */
  handle(request: ExchangeRequest): Promise<ExchangeReply>;
  /** The problem for what a transport itself has to refuse. */
  problem(error: unknown): ExchangeReply;
  /** The operation in the words of webhooks. No I/O. Does not throw. */
  describe(operation: Operation): DescribedOperation;
  readonly basePath: string;
};

/** The HTTP API of an engine, free of any transport. Throws `invalid_option`. */
export function createApp(options: AppOptions): App {
  const context = createContext(options);
  const router = createRouter(context);
  const tokenDigest = options.token === undefined ? null : digest(checkedToken(options.token));
  return {
    basePath: context.basePath,
    problem: (error) => problemReply(context, error),
    describe: (operation) => describeOperation(context, operation),
    async handle(request) {
      try {
        return await dispatch({ context, router, tokenDigest }, request);
      } catch (error) {
        return errorReply(context, request, error);
      }
    },
  };
}

type Parts = {
  readonly context: HttpContext;
  readonly router: Router;
  readonly tokenDigest: Buffer | null;
};

function dispatch(parts: Parts, request: ExchangeRequest): ExchangeReply | Promise<ExchangeReply> {
  const { path, method } = request;
  if (path.length + request.query.length > limits.urlChars) {
    throw new RaincheckError(
      'uri_too_long',
      `The address is longer than ${limits.urlChars} characters.`,
    );
  }
  const match = parts.router(withoutBasePath(path, parts.context.basePath));
  if (parts.tokenDigest !== null && match?.route.open !== true) {
    requireToken(request.header('authorization'), parts.tokenDigest);
  }
  if (method !== 'GET' && method !== 'HEAD') refuseCrossSite(request);
  if (match === null) {
    if (method === 'OPTIONS' && path === '*') return optionsReply(allMethods);
    throw new RaincheckError('not_found', nothingAt(path, parts.context));
  }
  const { route } = match;
  const action = actionOf(route, method);
  if (action === undefined) return noActionReply(parts.context, route, method);
  if (method !== 'HEAD') return action(request, match.params);
  return Promise.resolve(action(request, match.params)).then(headReply);
}

/**
 * A page of another site may send a browser here with a form, or with a `fetch` that needs no leave, and the browser
 * of somebody who runs `dev` reaches this machine. Such requests carry no credentials of ours and no JSON type; all
 * else must first be allowed by CORS, which is for the program around us to grant. Sec-Fetch-Site (Fetch Metadata)
 * comes only from browsers.
 */
function refuseCrossSite(request: ExchangeRequest): void {
  if (request.header('sec-fetch-site') !== 'cross-site') return;
  if (request.header('authorization') !== undefined) return;
  if (/^application\/(?:[\w.+-]+\+)?json\b/i.test(request.header('content-type') ?? '')) return;
  throw new RaincheckError(
    'cross_site',
    'A page of another site may not do this. A program of yours that should: send `Content-Type: application/json`.',
  );
}

/** Who looks for webhooks should not look for another base path. */
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

/** As the GET, without its body but with its length. */
function headReply(reply: ExchangeReply): ExchangeReply {
  const { body } = reply;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) return { ...reply, body: null };
  const headers = { ...reply.headers, 'content-length': String(Buffer.byteLength(body)) };
  return { ...reply, headers, body: null };
}

function errorReply(context: HttpContext, request: ExchangeRequest, error: unknown): ExchangeReply {
  const reply = problemReply(context, error);
  if (reply.status >= 500 && reply.status !== 503) {
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

/** Digests are of one length, which is what a comparison in constant time needs. */
function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}

function requireToken(authorization: string | undefined, tokenDigest: Buffer): void {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token !== undefined && timingSafeEqual(digest(token), tokenDigest)) return;
  throw new RaincheckError(
    'unauthorized',
    token === undefined
      ? 'Send the token of this server as `Authorization: Bearer …`.'
      : 'The token is not the one of this server.',
  );
}

function createContext(options: AppOptions): HttpContext {
  refuseUnknownKeys('createApp', options, [
    'engine',
    'webhooks',
    'basePath',
    'publicUrl',
    'token',
    'metrics',
    'bodyBytesMax',
    'logger',
    'version',
  ]);
  const publicUrl = options.publicUrl === undefined ? null : checkedPublicUrl(options.publicUrl);
  return {
    engine: options.engine,
    webhooks: options.webhooks ?? null,
    basePath: checkedBasePath(options.basePath ?? publicUrl?.pathname ?? ''),
    publicOrigin: publicUrl === null ? null : publicUrl.origin,
    secured: options.token !== undefined,
    logger: options.logger ?? silentLogger,
    metrics: options.metrics ?? null,
    bodyBytesMax: integerOption('bodyBytesMax', options.bodyBytesMax, {
      min: 1,
      max: 64 * 1_048_576,
      fallback: limits.bodyBytes,
    }),
    version: options.version ?? '0',
  };
}

function checkedBasePath(basePath: string): string {
  const cut = basePath.replace(/\/+$/, '');
  if (cut === '' || /^(?:\/[\w.~-]+)+$/.test(cut)) return cut;
  throw expected('basePath', "a path like '/ops'", basePath);
}

function checkedPublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') {
    return url;
  }
  throw expected('publicUrl', "an address like 'https://api.example.com/ops'", text);
}

function checkedToken(token: string): string {
  if (/^[!-~]{8,500}$/.test(token)) return token;
  // The message of a wrong token must not show it.
  throw new RaincheckError(
    'invalid_option',
    'Expected `token` to be 8 to 500 printable ASCII characters without spaces.',
  );
}
