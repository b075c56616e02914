import { isFinal } from '../../core/operation.ts';
import { tenant, type HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { originOf } from '../operation-location.ts';
import { finalResultReply, readOperation } from '../results.ts';
import { submitForView } from '../submit.ts';
import { acceptedReply, wholeView } from '../wire.ts';

/**
 * The status monitor of RFC 7240 (respond-async) and of FHIR's asynchronous pattern: 202 while there is nothing to
 * give, then exactly what a synchronous request would have been answered, the result or its problem.
 *
 * Its address is absolute where we know our origin: azure-core, for one, takes a Location for no reference.
 */
function monitorHeaders(context: HttpContext, request: ExchangeRequest, id: string) {
  const url = `${originOf(context, request) ?? ''}${context.basePath}/async/operations/${id}`;
  return { location: url, 'content-location': url };
}

/**
 * `POST /async{task.path}`: 202 whose Location and Content-Location are the monitor. Without Operation-Location, which
 * Azure's pollers would rather follow: here they are to poll the Location until it is no longer 202.
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
  const reply = acceptedReply(context, await wholeView(context, operation));
  const headers: Record<string, string> = {
    ...reply.headers,
    ...monitorHeaders(context, request, id),
  };
  if (operation.progress !== null) headers['x-progress'] = progressText(operation.progress);
  return { ...reply, headers };
}

/** `DELETE /async/operations/{id}`: cancels (202) what is not final, removes (204) what is. */
export async function removeMonitored(context: HttpContext, id: string): Promise<ExchangeReply> {
  await readOperation(context, id);
  const outcome = await context.engine.remove({ id, tenant });
  return { status: outcome === 'removed' ? 204 : 202, headers: {}, body: null };
}

/** At most 100 characters of ASCII (FHIR, Asynchronous Interaction), e.g. `58% 12 of 20`. */
function progressText(p: {
  readonly fraction: number | null;
  readonly message: string | null;
}): string {
  const percent = p.fraction === null ? null : `${Math.floor(p.fraction * 100)}%`;
  const text = [percent, p.message].filter((part) => part !== null).join(' ');
  return text.replaceAll(/[^ -~]/g, '?').slice(0, 100) || 'in progress';
}
