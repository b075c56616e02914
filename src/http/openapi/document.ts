import type { HttpContext } from '../context.ts';
import { headers, parameters } from './components.ts';
import { schemaExamples, withExamples, type ExampleOf } from './examples.ts';
import { ownPaths } from './paths.ts';
import { withProblems } from './problems.ts';
import { links, responses } from './responses.ts';
import { neededScope, type Route } from '../route.ts';
import { schemas, type Json } from './schemas.ts';
import { inputSchemas, taskPaths } from './task-paths.ts';
import { taskWords } from './task-words.ts';
import { webhookExamples } from './webhook-examples.ts';
import { batchPaths, batchSchemas, errorPaths } from './batch-paths.ts';
import { serverPaths } from './server-paths.ts';
import { serverSchemas } from './server-schemas.ts';
import { webhookPaths } from './webhook-paths.ts';
import { webhookSchemas } from './webhook-schemas.ts';
import { openapiCallbacks, openapiWebhooks } from './webhooks.ts';

/**
 * The OpenAPI 3.1 document of this server: its tasks with their schemas, Links that lead from a 202
 * to the status and from there to the result, and the webhooks that it sends. Tests check every
 * answer and delivery against it.
 */
export function openapiDocument(context: HttpContext, routes: readonly Route[]): Json {
  const { basePath } = context;
  const { secured } = context.access;
  const sends = context.webhooks !== null;
  const tasks = [...context.engine.tasks.values()];
  const words = taskWords(tasks);
  const [first = { name: 'reports', path: '/reports' }] = tasks;
  const of: ExampleOf = { basePath, task: first.name, path: first.path };
  const paths = Object.assign(
    {},
    ...tasks.map((task) =>
      taskPaths(task, { word: words.get(task.name) ?? task.name, webhooks: sends, basePath }),
    ),
    ownPaths,
    batchPaths,
    errorPaths,
    serverPaths,
    sends ? webhookPaths : null,
  ) as Json;
  const examples = { ...schemaExamples(of), ...webhookExamples(of) };
  const all = withProblems(secured ? withScopes(paths, routes) : paths, secured);
  const replies = usedIn(all, 'responses', responses(of));
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Raincheck',
      version: context.version,
      description:
        'Ask for something slow: 202 Accepted, a status to poll, the result when it is done.',
    },
    servers: [{ url: `${context.publicOrigin ?? ''}${basePath}` || '/' }],
    security: secured ? [{ token: [] }] : [],
    tags: tags(tasks, sends),
    paths: all,
    ...(sends ? { webhooks: openapiWebhooks(of) } : null),
    components: {
      schemas: {
        ...schemas,
        ...batchSchemas,
        ...serverSchemas,
        ...(sends ? webhookSchemas : null),
        ...inputSchemas(tasks, sends),
      },
      responses: replies,
      parameters: usedIn(all, 'parameters', parameters),
      headers: usedIn([all, replies], 'headers', headers),
      links,
      ...(sends ? { callbacks: openapiCallbacks(of) } : null),
      ...(secured
        ? {
            securitySchemes: {
              token: { type: 'http', scheme: 'bearer', description: 'The token of this server.' },
            },
          }
        : null),
    },
  };
  return withExamples(document, examples) as Json;
}

/** The members of `components` that `user` refers to. */
function usedIn(
  user: unknown,
  kind: 'responses' | 'headers' | 'parameters',
  components: Json,
): Json {
  const text = JSON.stringify(user);
  return Object.fromEntries(
    Object.entries(components).filter(([name]) => text.includes(`#/components/${kind}/${name}"`)),
  );
}

/** Groups of paths beside the tasks, in the order in which people need them. */
const groups: Readonly<Record<string, string>> = {
  operations: 'What was submitted: its status, its end, its result.',
  tasks: 'What can be submitted, and how it stands.',
  webhooks: 'Who is told, what was sent, and what became of it.',
  health: 'For probes, without a token.',
  server: 'Where everything is, and what it means.',
};

function tags(
  tasks: readonly { readonly name: string; readonly description: string | null }[],
  sends: boolean,
): readonly Json[] {
  const ofTasks = tasks.map(({ name, description }) => ({
    name,
    description: description ?? `The task ${name}.`,
  }));
  const taken = new Set(tasks.map(({ name }) => name));
  const own = Object.entries(groups)
    .filter(([name]) => !taken.has(name) && (sends || name !== 'webhooks'))
    .map(([name, description]) => ({ name, description }));
  return [...ofTasks, ...own];
}

/** Adds the scope that each route needs to its actions. */
function withScopes(paths: Json, routes: readonly Route[]): Json {
  const scoped: Record<string, Json> = { ...(paths as Record<string, Json>) };
  for (const route of routes) {
    const path = route.pattern.replaceAll(/:(\w+)/g, '{$1}');
    const item = scoped[path];
    if (item === undefined || route.open === true) continue;
    const actions = Object.entries(item).map(([method, action]) => {
      if (!(method in route.needs)) return [method, action]; // parameters shared by all methods
      const scope = neededScope(route, method, {});
      const security = scope === null ? [{ token: [] }] : [{ token: [scope] }];
      return [method, { ...(action as Json), security }];
    });
    scoped[path] = Object.fromEntries(actions) as Json;
  }
  return scoped;
}
