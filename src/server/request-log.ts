import type { Logger } from '../engine/logger.ts';
import type { App } from '../http/app.ts';
import type { ExchangeReply, ExchangeRequest } from '../http/exchange.ts';

/**
 * Wraps the app to log one line for every request when its reply is ready. The line never holds a
 * body, a query or a credential; the query may hold labels and search texts of clients. Health
 * checks are logged at `debug`, and without `reads` so is every GET that succeeded.
 */
export function logRequests(
  app: App,
  p: { readonly logger: Logger; readonly reads: boolean },
): App {
  return {
    ...app,
    async handle(request) {
      const startedAt = performance.now();
      const reply = await app.handle(request);
      logRequest(p, { request, reply, ms: performance.now() - startedAt });
      return reply;
    },
  };
}

function logRequest(
  { logger, reads }: { readonly logger: Logger; readonly reads: boolean },
  p: { readonly request: ExchangeRequest; readonly reply: ExchangeReply; readonly ms: number },
): void {
  const { request, reply } = p;
  const fields: Record<string, unknown> = {
    method: request.method,
    path: request.path.slice(0, 500),
    status: reply.status,
    ms: Math.round(p.ms * 10) / 10,
  };
  const operation = operationIn(reply.headers['location'] ?? request.path);
  if (operation !== undefined) fields['operation'] = operation;
  if (reply.headers['idempotent-replayed'] !== undefined) fields['replayed'] = true;
  const requestId = request.header('x-request-id');
  if (requestId !== undefined) fields['request_id'] = requestId.slice(0, 200);
  const isGet = request.method === 'GET' || request.method === 'HEAD';
  const isHealth = isGet && (request.path.endsWith('/livez') || request.path.endsWith('/readyz'));
  const isRead = isGet && reply.status < 400;
  if (reply.status >= 500 && reply.status !== 503) logger.error(fields, 'request');
  else if (isHealth || (isRead && !reads)) logger.debug(fields, 'request');
  else logger.info(fields, 'request');
}

function operationIn(text: string): string | undefined {
  const at = text.search(/op_[0-9A-Z]{26}/);
  return at === -1 ? undefined : text.slice(at, at + operationIdChars);
}

const operationIdChars = 'op_'.length + 26;
