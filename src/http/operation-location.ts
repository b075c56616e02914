import type { HttpContext } from './context.ts';
import type { ExchangeRequest } from './exchange.ts';
import type { MutableReply } from './wire.ts';

/** Scheme and host that clients use: as configured, else as in this request; null: unknown. */
export function originOf(context: HttpContext, request: ExchangeRequest): string | null {
  return context.publicOrigin ?? request.origin;
}

/**
 * Adds `Operation-Location` (Azure REST API Guidelines), the absolute address of the Azure view's
 * monitor. Azure's pollers prefer it to `Location`, where they would take our 200 of a pending
 * operation for its result.
 */
export function withOperationLocation(
  context: HttpContext,
  request: ExchangeRequest,
  p: { readonly reply: MutableReply; readonly id: string },
): MutableReply {
  const origin = originOf(context, request);
  if (origin !== null) {
    p.reply.headers['operation-location'] = `${origin}${context.basePath}/azure/operations/${p.id}`;
  }
  return p.reply;
}
