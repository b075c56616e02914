import { outcomeCodes } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses } from '../core/operation.ts';
import type { Task } from '../engine/task.ts';
import { json, problemReference, query, retryAfter, shared, string } from './openapi-components.ts';
import { reference, type Json } from './openapi-schemas.ts';
import { submitCallbacks, submittedWebhook } from './openapi-webhooks.ts';

const submitQuery: readonly Json[] = [
  query(
    'priority',
    { type: 'integer', minimum: limits.priorityMin, maximum: limits.priorityMax },
    'Higher goes first.',
  ),
  query('delay', string, "Start no earlier than after this: '15s', '10m', '7d'."),
  query('not_before', { type: 'string', format: 'date-time' }, 'Start no earlier than this.'),
  query('deadline', string, 'Fail when not done by then: a duration or an instant.'),
  shared('Labels'),
];

/** `webhooks`: whether this server sends them. */
export function taskPaths(task: Task, webhooks: boolean): Json {
  const about = task.description === null ? {} : { description: task.description };
  const accepted = {
    '202': { $ref: '#/components/responses/Accepted' },
    default: problemReference,
  };
  const common = {
    ...about,
    tags: [task.name],
    requestBody: { content: json(submitSchema(task.inputJsonSchema ?? {}, webhooks)) },
    ...(webhooks ? { callbacks: submitCallbacks } : null),
  };
  return {
    [task.path]: {
      post: {
        operationId: `submit_${task.name}`,
        summary: `Submit ${task.name}`,
        ...common,
        parameters: [shared('IdempotencyKey'), shared('Prefer'), ...submitQuery],
        responses: {
          '200': { description: '`Prefer: wait` was long enough: the result itself.' },
          ...accepted,
        },
      },
    },
    [`${task.path}/async`]: {
      post: {
        operationId: `submit_async_${task.name}`,
        summary: `Submit ${task.name}, without waiting`,
        ...common,
        parameters: [shared('IdempotencyKey'), ...submitQuery],
        responses: accepted,
      },
    },
    [`${task.path}/{id}`]: resultPath({
      operationId: `result_${task.name}`,
      summary: `Read the result of ${task.name}`,
      tags: [task.name],
    }),
  };
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
        '304': { $ref: '#/components/responses/Unchanged' },
        default: problemReference,
      },
    },
  };
}

const operationReplies: Json = {
  '200': { $ref: '#/components/responses/Operation' },
  '202': { $ref: '#/components/responses/Accepted' },
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
        '200': { description: 'One page.', content: json(reference('OperationPage')) },
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
        '304': { description: 'As If-None-Match has it.', headers: retryAfter },
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
        'Events `status`, `progress`, `completed` and `failed`, each with the whole operation as data and its version as id. `Last-Event-ID` goes on from there. With `logs=1` also `log`, with a `LogPage` as data.',
      tags: ['operations'],
      parameters: [
        query('logs', { enum: ['0', '1'] }, '1: the lines of the handlers as well.'),
        query('logs_after', { type: 'integer', minimum: 0 }, 'Only lines with a higher number.'),
        {
          name: 'Last-Event-ID',
          in: 'header',
          description: 'Only what is newer is sent.',
          schema: { type: 'string', pattern: '^[0-9]{1,15}(-[0-9]{1,15})?$' },
        },
      ],
      responses: {
        '200': {
          description: 'The stream. It ends with the final state, or after an hour.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
        '204': { description: 'Final, and the client has seen it: do not come back.' },
        default: problemReference,
      },
    },
  },
  '/operations/{id}/logs': {
    parameters: [shared('Id')],
    get: {
      operationId: 'readLogs',
      summary: 'Read what its handlers wrote, in order',
      tags: ['operations'],
      parameters: [
        query('after', { type: 'integer', minimum: 0 }, '`next_after` of the answer before.'),
        query('limit', { type: 'integer', minimum: 1, maximum: limits.logPageLines }, 'Lines.'),
      ],
      responses: {
        '200': {
          description: 'The lines; none when nothing came after `after` yet.',
          content: {
            ...json(reference('LogPage')),
            'application/x-ndjson': { schema: reference('LogLine') },
          },
        },
        default: problemReference,
      },
    },
  },
  '/events': {
    get: {
      operationId: 'watchOperations',
      summary: 'Follow all operations as server-sent events',
      description:
        'Events `operation` (as in the list), `tick` every 2 s (`FeedTick`) and `gap` (`FeedGap`). Best effort: after a gap, or a connection that broke, list.',
      tags: ['operations'],
      parameters: [query('task', string, 'Of this task only.')],
      responses: {
        '200': {
          description: 'The stream. It ends after an hour.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
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
        content: json({ type: 'object', properties: { input: {} }, additionalProperties: false }),
      },
      responses: {
        '202': { $ref: '#/components/responses/Accepted' },
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
  '/whoami': page({
    operationId: 'readWhoami',
    summary: 'What the token of this request may do',
    content: json(reference('Whoami')),
  }),
  '/openapi.json': page({
    operationId: 'readOpenapi',
    summary: 'This document',
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
