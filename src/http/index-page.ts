import type { WireIndex } from '../core/wire.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './json-reply.ts';

/** `GET /`: where everything is. */
export function readIndex(context: HttpContext): ExchangeReply {
  const at = (path: string): string => `${context.basePath}${path}`;
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
