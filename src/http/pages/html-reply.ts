import type { ExchangeRequest } from '../exchange.ts';

/**
 * Headers of every page for people: nothing inline or from elsewhere, and no other page may frame
 * it.
 */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  vary: 'Accept, Prefer',
};

/** Whether a browser asks. Browsers accept HTML, and clients of the API do not list it. */
export function wantsHtml(request: ExchangeRequest): boolean {
  return request.header('accept')?.includes('text/html') ?? false;
}
