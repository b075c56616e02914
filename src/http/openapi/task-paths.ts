import type { Task } from '../../engine/task.ts';
import { problemReference, problems, shared, waitedHeaders, withHeaders } from './components.ts';
import type { ExampleOf } from './examples.ts';
import { accepted, anything, link } from './responses.ts';
import { embedded, reference, type Json } from './schemas.ts';
import { submitCallbacks, submittedWebhook } from './webhooks.ts';
import { taskSample } from './task-sample.ts';

const submitQuery: readonly Json[] = [
  shared('Priority'),
  shared('Delay'),
  shared('NotBefore'),
  shared('Deadline'),
  shared('Labels'),
];

/**
 * The paths of a task. `word` comes from taskWords; `webhooks` says whether this server sends them.
 */
export function taskPaths(
  task: Task,
  p: { readonly word: string; readonly webhooks: boolean; readonly basePath: string },
): Json {
  const about = task.description === null ? {} : { description: task.description };
  const of: ExampleOf = { basePath: p.basePath, task: task.name, path: task.path };
  const operationId = resultOperationId(p.word);
  const result = { result: link(operationId, 'Read the result, once `status` is `completed`.') };
  const replies = { '202': accepted(of, result), ...problems(503) };
  const common = {
    ...about,
    tags: [task.name],
    requestBody: { content: { 'application/json': submitContent(task) } },
    ...(p.webhooks ? { callbacks: submitCallbacks } : null),
  };
  return {
    [task.path]: {
      post: {
        operationId: `submit_${p.word}`,
        summary: `Submit ${task.name}`,
        ...common,
        parameters: [shared('IdempotencyKey'), shared('Prefer'), ...submitQuery],
        responses: { '200': waitedReply, ...replies },
      },
    },
    [`${task.path}/async`]: {
      post: {
        operationId: submitOperationId(p.word),
        summary: `Submit ${task.name}, without waiting`,
        ...common,
        parameters: [shared('IdempotencyKey'), ...submitQuery],
        responses: replies,
      },
    },
    [`${task.path}/{id}`]: resultPath({
      operationId,
      summary: `Read the result of ${task.name}`,
      tags: [task.name],
    }),
  };
}

/** The operationId that the Arazzo document refers to. */
export function submitOperationId(word: string): string {
  return `submitAsync_${word}`;
}

export function resultOperationId(word: string): string {
  return `result_${word}`;
}

const waitedReply: Json = {
  description: '`Prefer: wait` was long enough: the result itself.',
  headers: {
    ...waitedHeaders,
    ...withHeaders('ETag', 'Accept-Ranges', 'Content-Disposition'),
  },
  content: anything,
};

/** The body of a submit, with an example if one can be made up. */
function submitContent(task: Task): Json {
  const schema = reference(inputSchemaName(task.name));
  const sample = taskSample(task);
  return sample === null ? { schema } : { schema, example: sample.value };
}

/** The schemas of the bodies of submits, for each task. */
export function inputSchemas(tasks: readonly Task[], webhooks: boolean): Json {
  return Object.fromEntries(
    tasks.map(({ name, inputJsonSchema }) => {
      const own = inputSchemaName(name);
      const schema = embedded(inputJsonSchema ?? {}, `#/components/schemas/${own}`);
      return [own, submitSchema(schema, webhooks)];
    }),
  );
}

/** The name ends with `.input`. No other schema's name contains a point. */
function inputSchemaName(task: string): string {
  return `${task}.input`;
}

/** Adds the members that name a webhook address beside the input; only objects can have them. */
function submitSchema(input: Json, webhooks: boolean): Json {
  const { type, properties } = input;
  if (!webhooks || type !== 'object' || typeof properties !== 'object') return input;
  return { ...input, properties: { ...properties, ...submittedWebhook } };
}

/** The path of a result, of one task or of any operation. */
export function resultPath(about: Json): Json {
  return {
    parameters: [shared('Id')],
    get: {
      ...about,
      parameters: [shared('IfNoneMatch'), shared('Range'), shared('IfRange')],
      responses: {
        '200': { $ref: '#/components/responses/Result' },
        '202': { $ref: '#/components/responses/Accepted' },
        '206': { $ref: '#/components/responses/ResultRange' },
        '304': { $ref: '#/components/responses/ResultUnchanged' },
        ...problems(409, 410, 416, 500, 504),
        default: problemReference,
      },
    },
  };
}
