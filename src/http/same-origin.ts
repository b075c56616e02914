import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeRequest } from './exchange.ts';

/**
 * Refuses what a page of another site makes a browser send: with a form, or with a `fetch` that needs no leave, and
 * the browser of somebody who runs `dev` reaches this machine. A token no page has by itself, so what brings one is
 * meant; not so the credentials of other schemes, which browsers add to whatever goes to who once asked for them. Else the Origin that browsers put on all that may change something has to be ours: the public one, the host
 * that was asked, or one of `allowedOrigins`. Sec-Fetch-Site (Fetch Metadata) says `same-origin` also where a proxy
 * has changed the host; it comes only from browsers, and only over https and from this machine. Throws `cross_site`.
 */
export function refuseCrossSite(context: HttpContext, request: ExchangeRequest): void {
  if (/^bearer /i.test(request.header('authorization') ?? '')) return;
  const site = request.header('sec-fetch-site');
  if (site === 'same-origin' || site === 'none') return;
  const origin = request.header('origin');
  if (origin === undefined && site === undefined) return; // no browser
  if (origin !== undefined && isOurs(context, request, origin)) return;
  throw new RaincheckError(
    'cross_site',
    `A page of ${origin === undefined ? 'another site' : 'another origin'} may not do this without a token. If it is yours, name its origin in \`allowedOrigins\`.`,
  );
}

/**
 * In dev without a token, where everybody may read all there is: refuses what was asked of a name that may be somebody
 * else's. Such a name can be made to lead to this machine after its page was loaded (DNS rebinding); to the browser the
 * page is then of one origin with us, reads our answers, and names no Origin when it only reads. Throws `cross_site`.
 */
export function refuseStrangeName(context: HttpContext, request: ExchangeRequest): void {
  if (!context.dev || context.access.secured) return;
  // Null of what has a Host: a name with characters that only wildcards of name servers know.
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
  // The scheme is left out: a proxy that ends TLS leaves us with http.
  if (request.origin === null || hostOf(origin) !== hostOf(request.origin)) return false;
  return !context.dev || context.access.secured || isOwnName(context, request.origin);
}

/** Whether nobody else can own the host of `origin` (RFC 6761, `.internal` of ICANN), or it was said to be ours. */
function isOwnName({ publicOrigin, allowedOrigins }: HttpContext, origin: string): boolean {
  const host = hostOf(origin);
  if (host === null) return false;
  if ([publicOrigin ?? '', ...allowedOrigins].some((one) => hostOf(one) === host)) return true;
  const name = host.replace(/:\d+$/, '').replace(/\.$/, '');
  return /^\[.+\]$|^\d{1,3}(?:\.\d{1,3}){3}$|^[^.]+$|\.(?:localhost|internal|test)$/.test(name);
}

/** null for 'null', the origin of what has none. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
