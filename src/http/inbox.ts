import { isUtf8 } from 'node:buffer';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { SignatureCheck } from '../webhooks/webhooks.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { inboxPage } from './pages/inbox-page.ts';
import { iso } from './iso.ts';
import { jsonReply } from './json-reply.ts';
import { originOf } from './operation-location.ts';
import { invalid, single } from './query.ts';
import { pageHeaders, wantsHtml } from './pages/html-reply.ts';

/** One webhook as it arrived. */
export type CaughtWebhook = {
  /** Counted from 1 since the server started. */
  readonly number: number;
  readonly received_at: string;
  /** Path below /inbox: '' or like '/shop'. */
  readonly path: string;
  readonly query: string;
  /** Headers with lower-case names. Credentials show only their length. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as text; null when it is not text. */
  readonly body: string | null;
  readonly bytes: number;
  readonly signature: SignatureCheck | { readonly state: 'unchecked'; readonly detail: string };
  /** The status that it was answered with. */
  readonly status: number;
};

/**
 * `/inbox` of `raincheck dev`: a receiver for webhooks that is there before anybody has written
 * one. It keeps the last limits.inboxWebhooks in memory. Anybody who reaches the server can fill
 * it, so nothing in it is of value.
 *
 *   POST    stores a webhook at any path below, and answers 204, or the `status` in its query
 *   GET     the webhooks stored at that path, newest first: JSON, or a page for people
 *   DELETE  removes them all
 */
export class Inbox {
  #caught: readonly CaughtWebhook[] = [];
  #number = 0;

  async receive(
    context: HttpContext,
    request: ExchangeRequest,
    path: string,
  ): Promise<ExchangeReply> {
    const status = askedStatus(request);
    const bytes = Buffer.from(await request.body(limits.inboxBodyBytes));
    const signature = await checked(context, request, bytes);
    this.#number += 1;
    const caught: CaughtWebhook = {
      number: this.#number,
      received_at: iso(context.engine.clock.now()),
      path,
      query: request.query,
      headers: shownHeaders(request),
      body: isUtf8(bytes) ? bytes.toString('utf8') : null,
      bytes: bytes.byteLength,
      signature,
      status,
    };
    this.#caught = [caught, ...this.#caught].slice(0, limits.inboxWebhooks);
    return { status, headers: { 'cache-control': 'no-store' }, body: null };
  }

  read(context: HttpContext, request: ExchangeRequest, path: string): ExchangeReply {
    const caught = this.#caught.filter((one) => path === '' || one.path === path);
    if (!wantsHtml(request)) return jsonReply({ webhooks: caught });
    const { basePath } = context;
    const address = `${originOf(context, request) ?? ''}${basePath}/inbox${path}`;
    const [task] = context.engine.tasks.values();
    return {
      status: 200,
      headers: pageHeaders,
      body: inboxPage(caught, { basePath, address, task }),
    };
  }

  forget(): ExchangeReply {
    this.#caught = [];
    return { status: 204, headers: { 'cache-control': 'no-store' }, body: null };
  }
}

/** The `status` in the query lets people see what happens to a receiver that fails. */
function askedStatus(request: ExchangeRequest): number {
  const text = single(new URLSearchParams(request.query), 'status');
  if (text === null) return 204;
  if (/^[2-5]\d\d$/.test(text)) return Number(text);
  throw invalid('Expected `status` to be an HTTP status from 200 to 599.');
}

async function checked(
  { webhooks }: HttpContext,
  request: ExchangeRequest,
  body: Buffer,
): Promise<CaughtWebhook['signature']> {
  const unchecked = (detail: string) => ({ state: 'unchecked', detail }) as const;
  if (webhooks === null) return unchecked('This server sends no webhooks and has no secret.');
  const header = (name: string): string | null => request.header(name) ?? null;
  try {
    return await webhooks.checkSignature({
      tenant,
      id: header('webhook-id'),
      timestamp: header('webhook-timestamp'),
      signature: header('webhook-signature'),
      body,
    });
  } catch (error) {
    if (!(error instanceof RaincheckError)) throw error;
    return unchecked(error.message);
  }
}

const credentials: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
]);

function shownHeaders(request: ExchangeRequest): Readonly<Record<string, string>> {
  const shown: [string, string][] = [];
  for (const [name, value] of request.headers()) {
    shown.push([name, credentials.has(name) ? `[${value.length} characters]` : value]);
  }
  return Object.fromEntries(shown);
}
