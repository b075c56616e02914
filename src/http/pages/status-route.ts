import type { WireOperation } from '../../core/wire-operation.ts';
import { tenant, type HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { originOf } from '../operation-location.ts';
import { readOperation } from '../results.ts';
import { pageHeaders } from './html-reply.ts';
import { statusPage } from './status-page.ts';
import { operationJson, statusUrl, wholeOperation } from '../wire.ts';

/** `GET /operations/{id}` with `Accept: text/html`: the status page. */
export async function readStatusPage(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const shown = await wholeOperation(context, await readOperation(context, id));
  const operation = JSON.parse(operationJson(context, shown)) as WireOperation;
  const { basePath } = context;
  const origin = originOf(context, request) ?? '';
  const now = context.engine.clock.now();
  const wait = context.engine.pollWait(shown.operation);
  const retryAfter = wait === null ? null : String(wait.seconds);
  return {
    status: 200,
    headers: retryAfter === null ? pageHeaders : { ...pageHeaders, 'retry-after': retryAfter },
    body: statusPage(operation, { basePath, origin, now, retryAfter }),
  };
}

/**
 * Handles the page's form without its script: cancels, then redirects to the page, which shows the
 * outcome (303, RFC 9110 15.4.4).
 */
export async function cancelFromPage(context: HttpContext, id: string): Promise<ExchangeReply> {
  const { id: known } = await readOperation(context, id);
  await context.engine.cancel({ id: known, tenant });
  return {
    status: 303,
    headers: { location: statusUrl(context, known), 'cache-control': 'no-store' },
    body: null,
  };
}
