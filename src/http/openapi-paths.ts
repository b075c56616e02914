import { outcomeCodes } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses } from '../core/operation.ts';
import type { Task } from '../engine/task.ts';
import {
  json,
  problemReference,
  problems,
  query,
  shared,
  string,
  waitedHeaders,
  withHeaders,
} from './openapi-components.ts';
import type { ExampleOf } from './openapi-examples.ts';
import { accepted, anything, link } from './openapi-responses.ts';
import { embedded, reference, type Json } from './openapi-schemas.ts';
import { taskSample } from './task-sample.ts';
import { submitCallbacks, submittedWebhook } from './openapi-webhooks.ts';

const submitQuery: readonly Json[] = [
  shared('Priority'),
  shared('Delay'),
  shared('NotBefore'),
  shared('Deadline'),
  shared('Labels'),
];

/** `word`: of taskWords. `webhooks`: whether this server sends them. */
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

/** What the Arazzo document calls. */
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

/** With an example where one can be made up. */
function submitContent(task: Task): Json {
  const schema = reference(inputSchemaName(task.name));
  const sample = taskSample(task);
  return sample === null ? { schema } : { schema, example: sample.value };
}

/** What a submit takes of each task. */
export function inputSchemas(tasks: readonly Task[], webhooks: boolean): Json {
  return Object.fromEntries(
    tasks.map(({ name, inputJsonSchema }) => {
      const own = inputSchemaName(name);
      const schema = embedded(inputJsonSchema ?? {}, `#/components/schemas/${own}`);
      return [own, submitSchema(schema, webhooks)];
    }),
  );
}

/** None of ours has a point in it. */
function inputSchemaName(task: string): string {
  return `${task}.input`;
}

/** The input, and the members beside it that say whom to tell: only an object can have them. */
function submitSchema(input: Json, webhooks: boolean): Json {
  const { type, properties } = input;
  if (!webhooks || type !== 'object' || typeof properties !== 'object') return input;
  return { ...input, properties: { ...properties, ...submittedWebhook } };
}

function resultPath(about: Json): Json {
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

const operationReplies: Json = {
  '200': { $ref: '#/components/responses/Operation' },
  '202': { $ref: '#/components/responses/Accepted' },
  ...problems(410),
  default: problemReference,
};

const operationPaths: Json = {
  '/operations': {
    get: {
      operationId: 'listOperations',
      summary: 'List operations, newest first',
      tags: ['operations'],
      parameters: [
        query('status', { enum: operationStatuses }, 'Several by commas.'),
        query('task', string, 'Name of the task.'),
        shared('Labels'),
        query('code', { enum: outcomeCodes }, 'The error code of failed ones.'),
        shared('Since'),
        shared('Until'),
        query(
          'q',
          { type: 'string', maxLength: limits.filterTextChars },
          'Part of the id, the error or the input.',
        ),
        shared('Limit'),
        shared('Cursor'),
      ],
      responses: {
        '200': {
          description: 'One page.',
          headers: withHeaders('Link'),
          content: json(reference('OperationPage')),
        },
        default: problemReference,
      },
    },
  },
  '/operations/{id}': {
    parameters: [shared('Id')],
    get: {
      operationId: 'readOperation',
      summary: 'Read the status',
      tags: ['operations'],
      parameters: [shared('Prefer'), shared('IfNoneMatch')],
      responses: {
        '200': { $ref: '#/components/responses/Operation' },
        '304': { $ref: '#/components/responses/OperationUnchanged' },
        ...problems(410),
        default: problemReference,
      },
    },
    delete: {
      operationId: 'removeOperation',
      summary: 'Remove a final operation, cancel any other',
      tags: ['operations'],
      responses: { '204': { description: 'Removed.' }, ...operationReplies },
    },
  },
  '/operations/{id}/events': {
    parameters: [shared('Id')],
    get: {
      operationId: 'watchOperation',
      summary: 'Follow as server-sent events, to the end',
      description:
        'Events `status`, `progress`, `completed` and `failed`, each with the whole operation as data and its version as id. `Last-Event-ID` goes on from there.',
      tags: ['operations'],
      parameters: [
        {
          name: 'Last-Event-ID',
          in: 'header',
          description: 'Only what is newer is sent.',
          schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
        },
      ],
      responses: {
        '200': {
          description: 'The stream. It ends with the final state, or after an hour.',
          content: {
            'text/event-stream': {
              schema: { type: 'string' },
              example:
                'retry: 2000\n\nid: 3\nevent: progress\ndata: {"id":"op_01JDQ2T4G6Z8K0M3N5P7R9S1V4","status":"processing",…}\n\n',
            },
          },
        },
        '204': { description: 'Final, and the client has seen it: do not come back.' },
        ...problems(410, 503),
        default: problemReference,
      },
    },
  },
  '/operations/{id}/cancel': {
    parameters: [shared('Id')],
    post: {
      operationId: 'cancelOperation',
      summary: 'Cancel',
      tags: ['operations'],
      responses: operationReplies,
    },
  },
  '/operations/{id}/result': resultPath({
    operationId: 'readResult',
    summary: 'Read the result, whatever the task',
    tags: ['operations'],
  }),
  '/operations/{id}/retry': {
    parameters: [shared('Id')],
    post: {
      operationId: 'retryOperation',
      summary: 'Run a failed operation again, as a new one',
      tags: ['operations'],
      parameters: [shared('IdempotencyKey')],
      requestBody: {
        content: json({
          type: 'object',
          properties: { input: { description: 'Instead of the input of the failed one.' } },
          additionalProperties: false,
        }),
      },
      responses: {
        '202': { $ref: '#/components/responses/Accepted' },
        ...problems(409, 410, 503),
        default: problemReference,
      },
    },
  },
};

function taskAction(action: 'pause' | 'resume', summary: string): Json {
  return {
    parameters: [shared('TaskName')],
    post: {
      operationId: `${action}Task`,
      summary,
      tags: ['tasks'],
      responses: { '200': { $ref: '#/components/responses/Task' }, default: problemReference },
    },
  };
}

function health(operationId: string, summary: string): Json {
  return {
    get: {
      operationId,
      summary,
      tags: ['health'],
      security: [],
      responses: {
        '200': { description: 'Yes.', content: json(reference('Health')) },
        ...problems(503),
        default: problemReference,
      },
    },
  };
}

function page(p: { operationId: string; summary: string; content: Json }): Json {
  const { content, ...about } = p;
  return {
    get: {
      ...about,
      tags: ['server'],
      responses: {
        '200': { description: 'What was asked for.', content },
        default: problemReference,
      },
    },
  };
}

const otherPaths: Json = {
  '/': page({
    operationId: 'readIndex',
    summary: 'Where everything is',
    content: json(reference('Index')),
  }),
  '/openapi.json': page({
    operationId: 'readOpenapi',
    summary: 'This document',
    content: json({ type: 'object' }),
  }),
  '/arazzo.json': page({
    operationId: 'readArazzo',
    summary: 'How to submit, poll and fetch, as an Arazzo document',
    content: json({ type: 'object' }),
  }),
  '/problems/{code}': {
    parameters: [shared('ErrorCode')],
    ...page({
      operationId: 'readProblemType',
      summary: 'What an error means',
      content: json(reference('ProblemType')),
    }),
  },
  '/tasks': {
    get: {
      operationId: 'listTasks',
      summary: 'List tasks',
      tags: ['tasks'],
      responses: {
        '200': { description: 'All tasks.', content: json(reference('TaskList')) },
        default: problemReference,
      },
    },
  },
  '/tasks/{name}': {
    parameters: [shared('TaskName')],
    get: {
      operationId: 'readTask',
      summary: 'Read a task',
      tags: ['tasks'],
      responses: { '200': { $ref: '#/components/responses/Task' }, default: problemReference },
    },
  },
  '/tasks/{name}/pause': taskAction('pause', 'Claim no more of this task'),
  '/tasks/{name}/resume': taskAction('resume', 'Claim this task again'),
  '/livez': health('readLiveness', 'Is the process alive?'),
  '/readyz': health('readReadiness', 'Should it get requests?'),
};

export const ownPaths: Json = { ...operationPaths, ...otherPaths };
