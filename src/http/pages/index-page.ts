import type { WireIndex } from '../../core/wire-server.ts';
import type { HttpContext } from '../context.ts';
import type { ExchangeReply, ExchangeRequest } from '../exchange.ts';
import { jsonReply } from '../json-reply.ts';
import { wantsHtml } from './html-reply.ts';

/**
 * `GET /`: an index of the server's addresses. In dev a browser is sent to the dashboard instead.
 */
export function readIndex(context: HttpContext, request: ExchangeRequest): ExchangeReply {
  const at = (path: string): string => `${context.basePath}${path}`;
  if (context.dev && context.dashboard !== null && wantsHtml(request)) {
    const headers = { location: at('/dashboard'), 'cache-control': 'no-store', vary: 'Accept' };
    return { status: 303, headers, body: null };
  }
  const index: WireIndex = {
    name: 'raincheck',
    version: context.version,
    operations_url: at('/operations'),
    tasks_url: at('/tasks'),
    openapi_url: at('/openapi.json'),
    arazzo_url: at('/arazzo.json'),
    docs_url: at('/docs'),
    health_url: at('/readyz'),
    ...(context.webhooks !== null && {
      webhook_endpoints_url: at('/webhooks/endpoints'),
      webhook_deliveries_url: at('/webhooks/deliveries'),
    }),
    submit_urls: Object.fromEntries(
      [...context.engine.tasks.values()].map((task) => [task.name, at(task.path)]),
    ),
  };
  return jsonReply(index);
}
