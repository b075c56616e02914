import { RaincheckError } from '../../core/errors.ts';
import type { HttpContext } from '../context.ts';
import { shownApi, type ShownApi } from './docs-model.ts';
import { docsPage, docsSignIn } from './docs-page.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import type { Json } from '../openapi/schemas.ts';
import { originOf } from '../operation-location.ts';

/** Nothing is inline or from elsewhere, and no other page may frame it. */
const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** A token has at most 500 characters, each at most three bytes in a form. */
const formBytesMax = 2_048;

export type DocsReader = {
  /** `GET /docs`: the page, or the form that asks for the token. */
  readonly get: (request: ExchangeRequest) => ExchangeReply;
  /** `POST /docs`: the page for a reader who sent the token with that form. */
  readonly post: (request: ExchangeRequest) => Promise<ExchangeReply>;
};

/** Browsers cannot send a token with an address that is typed, so the page asks for it itself. */
export function docsReader(context: HttpContext, document: () => Json): DocsReader {
  let api: ShownApi | null = null; // the tasks never change
  const page = (request: ExchangeRequest): ExchangeReply => {
    api ??= shownApi(document());
    const { basePath, access } = context;
    const origin = originOf(context, request) ?? '';
    const body = docsPage(api, { basePath, origin, secured: access.secured });
    return { status: 200, headers: pageHeaders, body };
  };
  return {
    get: (request) =>
      isAdmitted(context, request.header('authorization')) ? page(request) : signIn(context, false),
    async post(request) {
      const form = new URLSearchParams(
        Buffer.from(await request.body(formBytesMax)).toString('utf8'),
      );
      const token = form.get('token') ?? '';
      return isAdmitted(context, `Bearer ${token}`) ? page(request) : signIn(context, true);
    },
  };
}

/** Whether the bearer may read the page. */
function isAdmitted({ access }: HttpContext, authorization: string | undefined): boolean {
  try {
    access.grant(authorization);
    return true;
  } catch (error) {
    if (error instanceof RaincheckError && error.code === 'unauthorized') return false;
    throw error;
  }
}

function signIn(context: HttpContext, refused: boolean): ExchangeReply {
  return {
    status: 401,
    headers: { ...pageHeaders, 'www-authenticate': 'Bearer realm="raincheck"' },
    body: docsSignIn(context.basePath, { refused }),
  };
}
