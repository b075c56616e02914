import { isFinal } from '../../core/operation.ts';
import { tenant, type HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { originOf } from '../operation-location.ts';
import { finalResultReply, readOperation } from '../results.ts';
import { submitForView } from '../submit.ts';
import { acceptedReply, wholeOperation } from '../wire.ts';

/**
 * The status monitor of RFC 7240 (respond-async) and of FHIR's asynchronous pattern: 202 while the
 * operation is unfinished, then exactly the answer of a synchronous request, which is the result or
 * its problem.
 *
 * Its address is absolute if we know our origin, because azure-core, for one, does not resolve a
 * relative Location.
 */
function monitorHeaders(context: HttpContext, request: ExchangeRequest, id: string) {
  const url = `${originOf(context, request) ?? ''}${context.basePath}/async/operations/${id}`;
  return { location: url, 'content-location': url };
}

/**
 * `POST /async{task.path}`: 202 whose Location and Content-Location are the monitor. It has no
 * Operation-Location, which Azure's pollers would prefer; here they must poll the Location until it
 * no longer answers 202.
 */
export async function submitMonitored(
  context: HttpContext,
  request: ExchangeRequest,
  task: string,
): Promise<ExchangeReply> {
  const { operation, reply } = await submitForView(context, request, task);
  const { 'operation-location': _, ...headers } = reply.headers;
  return { ...reply, headers: { ...headers, ...monitorHeaders(context, request, operation.id) } };
}

/** `GET /async/operations/{id}` */
export async function readMonitor(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const operation = await readOperation(context, id);
  if (isFinal(operation.state)) return finalResultReply(context, operation, request);
  const reply = acceptedReply(context, await wholeOperation(context, operation));
  const headers: Record<string, string> = {
    ...reply.headers,
    ...monitorHeaders(context, request, id),
  };
  if (operation.progress !== null) headers['x-progress'] = progressText(operation.progress);
  return { ...reply, headers };
}

/**
 * `DELETE /async/operations/{id}`: cancels an unfinished operation (202), removes a final one
 * (204).
 */
export async function removeMonitored(context: HttpContext, id: string): Promise<ExchangeReply> {
  await readOperation(context, id);
  const outcome = await context.engine.remove({ id, tenant });
  return { status: outcome === 'removed' ? 204 : 202, headers: {}, body: null };
}

/**
 * The text of X-Progress, such as `58% 12 of 20`: at most 100 characters of ASCII (FHIR,
 * Asynchronous Interaction).
 */
function progressText(p: {
  readonly fraction: number | null;
  readonly message: string | null;
}): string {
  const percent = p.fraction === null ? null : `${Math.floor(p.fraction * 100)}%`;
  const text = [percent, p.message].filter((part) => part !== null).join(' ');
  return text.replaceAll(/[^ -~]/g, '?').slice(0, 100) || 'in progress';
}
