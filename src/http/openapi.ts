import type { HttpContext } from './context.ts';
import { links, parameters, responses } from './openapi-components.ts';
import { ownPaths, taskPaths } from './openapi-paths.ts';
import { schemas, type Json } from './openapi-schemas.ts';
import { serverPaths } from './openapi-server-paths.ts';
import { serverSchemas } from './openapi-server-schemas.ts';
import { webhookPaths } from './openapi-webhook-paths.ts';
import { webhookSchemas } from './openapi-webhook-schemas.ts';
import { openapiWebhooks } from './openapi-webhooks.ts';

/**
 * The OpenAPI 3.1 document of this very server: its tasks with their schemas, and Links that lead from a
 * 202 to the status and from there to the result.
 */
export function openapiDocument(context: HttpContext): Json {
  const sends = context.webhooks !== null;
  const tasks = [...context.engine.tasks.values()].map((task) => taskPaths(task, sends));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Raincheck',
      version: context.version,
      description: 'Ask for something slow: 202 Accepted, a status to poll, the result when done.',
    },
    servers: [{ url: `${context.publicOrigin ?? ''}${context.basePath}` || '/' }],
    ...(context.secured ? { security: [{ token: [] }] } : null),
    paths: Object.assign({}, ...tasks, ownPaths, serverPaths, sends ? webhookPaths : null) as Json,
    ...(sends ? { webhooks: openapiWebhooks } : null),
    components: {
      schemas: { ...schemas, ...serverSchemas, ...(sends ? webhookSchemas : null) },
      responses,
      parameters,
      links,
      ...(context.secured
        ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }
        : null),
    },
  };
}
