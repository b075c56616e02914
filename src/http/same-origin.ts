import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeRequest } from './exchange.ts';

/**
 * Refuses requests that a page of another site makes a browser send, with a form or with a `fetch`
 * that needs no CORS preflight. The browser of a person who runs `dev` can reach this machine, so
 * such a page could act there. Throws `cross_site`.
 *
 * A request with a bearer token passes: no page can add one by itself. Other credentials (Basic)
 * prove nothing, because browsers attach them automatically.
 *
 * Otherwise the Origin, which browsers send with every request that may change something, must be
 * ours: the public one, the host in the request, or one of `allowedOrigins`. Sec-Fetch-Site (Fetch
 * Metadata) says `same-origin` even where a proxy has changed the host; only browsers send it, and
 * only over https or to this machine.
 */
export function refuseCrossSite(context: HttpContext, request: ExchangeRequest): void {
  if (/^bearer /i.test(request.header('authorization') ?? '')) return;
  const site = request.header('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return;
  const origin = request.header('origin');
  if (origin === undefined && site === undefined) return; // not a browser
  if (origin !== undefined && isOurs(context, request, origin)) return;
  throw new RaincheckError(
    'cross_site',
    `A page of ${origin === undefined ? 'another site' : 'another origin'} may not do this without a token. If it is yours, name its origin in \`allowedOrigins\`.`,
  );
}

/**
 * In dev without a token everybody may read everything, so this refuses requests to a host name
 * that somebody else may own. Such a name can be pointed at this machine after its page was loaded
 * (DNS rebinding). The browser then takes the page and us for one origin, lets it read our answers,
 * and sends no Origin when it only reads. Throws `cross_site`.
 */
export function refuseStrangeName(context: HttpContext, request: ExchangeRequest): void {
  if (!context.dev || context.access.secured) return;
  // The origin is null although there is a Host when the name has characters that only DNS
  // wildcards allow.
  const { origin } = request;
  if (origin === null ? request.header('host') === undefined : isOwnName(context, origin)) return;
  const site = request.header('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return;
  throw new RaincheckError(
    'cross_site',
    'Without a token `raincheck dev` answers to localhost and addresses alone. If this name is yours, put its origin into `allowedOrigins`, or set a token.',
  );
}

function isOurs(context: HttpContext, request: ExchangeRequest, origin: string): boolean {
  if (origin === context.publicOrigin || context.allowedOrigins.includes(origin)) return true;
  // The scheme is not compared, because behind a proxy that ends TLS we see http.
  if (request.origin === null || hostOf(origin) !== hostOf(request.origin)) return false;
  return !context.dev || context.access.secured || isOwnName(context, request.origin);
}

/**
 * Whether nobody else can own the host of `origin` (RFC 6761, `.internal` of ICANN), or it is
 * configured as ours.
 */
function isOwnName({ publicOrigin, allowedOrigins }: HttpContext, origin: string): boolean {
  const host = hostOf(origin);
  if (host === null) return false;
  if ([publicOrigin ?? '', ...allowedOrigins].some((one) => hostOf(one) === host)) return true;
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '');
  return /^\[.+\]$|^\d{1,3}(?:\.\d{1,3}){3}$|^[^.]+$|\.(?:localhost|internal|test)$/.test(name);
}

/** null for 'null', which browsers send for pages without an origin. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
