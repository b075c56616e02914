import type { HttpContext } from '../context.ts';
import { RaincheckError } from '../../core/errors.ts';
import { matchesEtag } from '../conditional.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { html } from './html.ts';
import { wantsHtml } from './html-reply.ts';

/** One file of the built dashboard. */
export type DashboardFile = {
  /** Value of Content-Type. */
  readonly type: string;
  readonly bytes: Uint8Array;
  /** The same bytes compressed with gzip; null where that saves nothing. */
  readonly gzip: Uint8Array | null;
  /** A strong ETag, in quotes. */
  readonly etag: string;
};

/**
 * The files of the built dashboard by path below /dashboard/, like 'index.html' and
 * 'assets/index-B1x9.js'. Paths that are not in the map are not served, so no path of a request
 * ever becomes a path on disk. null: the dashboard is not built.
 */
export type DashboardFiles = ReadonlyMap<string, DashboardFile> | null;

/** Everything comes from this server, nothing is inline, and no other page may frame it. */
const fileHeaders: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Folder of files whose names contain a hash of their content, so that they never change. */
const hashedFolder = 'assets/';

/**
 * `GET /dashboard/{path}`: a file of the dashboard, or its page for every other path, since the
 * page itself knows what `/dashboard/operations/op_…` shows. Throws `not_found` for a missing file.
 */
export function readDashboard(
  context: HttpContext,
  request: ExchangeRequest,
  path: string,
): ExchangeReply {
  const files = context.dashboard?.() ?? null;
  if (files === null) return notBuilt();
  const file = files.get(path);
  if (file !== undefined && path !== indexPath) {
    const hashed = path.startsWith(hashedFolder);
    return fileReply(request, file, hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
  }
  if (file === undefined && namesFile(request, path)) {
    throw new RaincheckError('not_found', 'The dashboard has no file of this name.');
  }
  const index = files.get(indexPath);
  return index === undefined ? notBuilt() : pageReply(context, request, index);
}

const indexPath = 'index.html';

/**
 * Whether a file is meant. The name of a task may contain a point too, as in
 * /dashboard/tasks/reports.daily; browsers that open that address ask for HTML.
 */
function namesFile(request: ExchangeRequest, path: string): boolean {
  if (path.startsWith(hashedFolder)) return true;
  return /\.[^/]+$/.test(path) && !wantsHtml(request);
}

/** Matches unless gzip is listed as refused: `gzip;q=0`. */
const takesGzip = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i;

function fileReply(
  request: ExchangeRequest,
  { type, bytes, gzip, etag: plainEtag }: DashboardFile,
  cacheControl: string,
): ExchangeReply {
  const zipped = gzip !== null && takesGzip.test(request.header('accept-encoding') ?? '');
  // Other bytes need another strong tag.
  const etag = zipped ? `${plainEtag.slice(0, -1)}-gzip"` : plainEtag;
  const headers: Record<string, string> = { ...fileHeaders, etag, 'cache-control': cacheControl };
  if (gzip !== null) headers['vary'] = 'Accept-Encoding';
  if (matchesEtag(request.header('if-none-match'), etag)) {
    return { status: 304, headers, body: null };
  }
  headers['content-type'] = type;
  if (!zipped) return { status: 200, headers, body: bytes };
  return { status: 200, headers: { ...headers, 'content-encoding': 'gzip' }, body: gzip };
}

/**
 * The page with a `<base>`, so that its relative addresses work under any prefix and at any depth
 * of path.
 */
function pageReply(
  { basePath }: HttpContext,
  request: ExchangeRequest,
  index: DashboardFile,
): ExchangeReply {
  const base = html`<base href="${`${basePath}/dashboard/`}" />`.text;
  const text = Buffer.from(index.bytes).toString('utf8');
  const page = text.replace(/<head\b[^>]*>/i, (head) => `${head}${base}`);
  // The page contains the prefix, so its tag must differ between prefixes.
  const etag = `${index.etag.slice(0, -1)}${basePath.replaceAll('/', '.')}"`;
  return fileReply(request, { ...index, bytes: Buffer.from(page), gzip: null, etag }, 'no-cache');
}

function notBuilt(): ExchangeReply {
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>The dashboard is not built</title>
      </head>
      <body>
        <h1>The dashboard is not built</h1>
        <p>
          This Raincheck runs from its sources. Run <code>npm run build</code> in its folder, then
          load this page again.
        </p>
      </body>
    </html>`;
  return {
    status: 503,
    headers: {
      ...fileHeaders,
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'retry-after': '5',
    },
    body: page.text,
  };
}
