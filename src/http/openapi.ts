import type { HttpContext } from './context.ts';
import { neededScope, type Route } from './route.ts';
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
export function openapiDocument(context: HttpContext, routes: readonly Route[]): Json {
  const sends = context.webhooks !== null;
  const { secured } = context.access;
  const tasks = [...context.engine.tasks.values()].map((task) => taskPaths(task, sends));
  const paths: Json = Object.assign(
    {},
    ...tasks,
    ownPaths,
    serverPaths,
    sends ? webhookPaths : null,
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Raincheck',
      version: context.version,
      description: 'Ask for something slow: 202 Accepted, a status to poll, the result when done.',
    },
    servers: [{ url: `${context.publicOrigin ?? ''}${context.basePath}` || '/' }],
    ...(secured ? { security: [{ token: [] }] } : null),
    paths: secured ? withScopes(paths, routes) : paths,
    ...(sends ? { webhooks: openapiWebhooks } : null),
    components: {
      schemas: { ...schemas, ...serverSchemas, ...(sends ? webhookSchemas : null) },
      responses,
      parameters,
      links,
      ...(secured ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } } : null),
    },
  };
}

/** Each action with the scope that its route asks for. */
function withScopes(paths: Json, routes: readonly Route[]): Json {
  const scoped: Record<string, Json> = { ...(paths as Record<string, Json>) };
  for (const route of routes) {
    const path = route.pattern.replaceAll(/:(\w+)/g, '{$1}');
    const item = scoped[path];
    if (item === undefined || route.open === true) continue;
    const actions = Object.entries(item).map(([method, action]) => {
      if (!(method in route.needs)) return [method, action]; // parameters of them all
      const scope = neededScope(route, method, {});
      const security = scope === null ? [{ token: [] }] : [{ token: [scope] }];
      return [method, { ...(action as Json), security }];
    });
    scoped[path] = Object.fromEntries(actions) as Json;
  }
  return scoped;
}
