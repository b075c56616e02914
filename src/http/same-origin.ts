import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeRequest } from './exchange.ts';

/**
 * Refuses what a page of another site makes a browser send: with a form, or with a `fetch` that needs no leave, and
 * the browser of somebody who runs `dev` reaches this machine. A token no page has by itself, so what brings one is
 * meant. Else the Origin that browsers put on all that may change something has to be ours: the public one, the host
 * that was asked, or one of `allowedOrigins`. Sec-Fetch-Site (Fetch Metadata) says `same-origin` also where a proxy
 * has changed the host; it comes only from browsers, and only over https and from this machine. Throws `cross_site`.
 */
export function refuseCrossSite(context: HttpContext, request: ExchangeRequest): void {
  if (request.header('authorization') !== undefined) return;
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

function isOurs(context: HttpContext, request: ExchangeRequest, origin: string): boolean {
  if (origin === context.publicOrigin || context.allowedOrigins.includes(origin)) return true;
  // The scheme is left out: a proxy that ends TLS leaves us with http.
  const asked = request.origin === null ? null : hostOf(request.origin);
  if (asked === null || hostOf(origin) !== asked) return false;
  // A name of somebody else's may be made to lead to this machine, where `dev` asks for no token (DNS rebinding).
  return !context.dev || context.access.secured || loopbackHost.test(asked);
}

const loopbackHost = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/;

/** null for 'null', the origin of what has none. */
function hostOf(origin: string): string | null {
  return URL.canParse(origin) ? new URL(origin).host : null;
}
