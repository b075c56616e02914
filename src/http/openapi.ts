import { errorTable } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses } from '../core/operation.ts';
import type { Task } from '../engine/task.ts';
import type { HttpContext } from './context.ts';
import { reference, schemas, type Json } from './openapi-schemas.ts';

/**
 * The OpenAPI 3.1 document of this very server: its tasks with their schemas, and Links that lead from a
 * 202 to the status and from there to the result.
 */
export function openapiDocument(context: HttpContext): Json {
  const tasks = [...context.engine.tasks.values()];
  return {
    openapi: '3.1.0',
    info: {
      title: 'Raincheck',
      version: context.version,
      description: 'Ask for something slow: 202 Accepted, a status to poll, the result when done.',
    },
    servers: [{ url: `${context.publicOrigin ?? ''}${context.basePath}` || '/' }],
    ...(context.secured ? { security: [{ token: [] }] } : null),
    paths: Object.assign({}, ...tasks.map(taskPaths), operationPaths, otherPaths) as Json,
    components: {
      schemas,
      responses,
      parameters,
      links,
      ...(context.secured
        ? { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }
        : null),
    },
  };
}

function json(schema: Json): Json {
  return { 'application/json': { schema } };
}

const problemContent: Json = { 'application/problem+json': { schema: reference('Problem') } };
const problemReference: Json = { $ref: '#/components/responses/Problem' };
const retryAfter: Json = {
  'Retry-After': {
    description: 'Whole seconds to wait before the next look.',
    schema: {
      type: 'integer',
      minimum: limits.retryAfterSecondsMin,
      maximum: limits.retryAfterSecondsMax,
    },
  },
};

const responses: Json = {
  Accepted: {
    description: 'Taken and stored. The status is at Location.',
    headers: {
      Location: { required: true, schema: { type: 'string', format: 'uri-reference' } },
      ...retryAfter,
    },
    content: json(reference('Operation')),
    links: { status: { $ref: '#/components/links/status' } },
  },
  Operation: {
    description: 'The operation as it is now.',
    headers: { ETag: { schema: { type: 'string' } }, ...retryAfter },
    content: json(reference('Operation')),
    links: { cancel: { $ref: '#/components/links/cancel' } },
  },
  Task: { description: 'The task.', content: json(reference('Task')) },
  Problem: { description: `An error: ${errorsInWords()}.`, content: problemContent },
};

/** The closed table, in the order of its statuses. */
function errorsInWords(): string {
  return Object.entries(errorTable)
    .sort(([, a], [, b]) => a.status - b.status)
    .map(([code, { status }]) => `${status} \`${code}\``)
    .join(', ');
}

const links: Json = {
  status: { operationId: 'readOperation', parameters: { id: '$response.body#/id' } },
  cancel: { operationId: 'cancelOperation', parameters: { id: '$response.body#/id' } },
};

function query(name: string, schema: Json, description: string): Json {
  return { name, in: 'query', schema, description };
}

const string: Json = { type: 'string' };

const parameters: Json = {
  Id: { name: 'id', in: 'path', required: true, schema: string },
  TaskName: { name: 'name', in: 'path', required: true, schema: string },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    schema: { type: 'string', minLength: 1, maxLength: limits.idempotencyKeyChars },
    description: 'The same key with the same request gives the same operation, for 24 h at least.',
  },
  Prefer: {
    name: 'Prefer',
    in: 'header',
    schema: string,
    description: `\`wait=N\`: hold the answer up to N seconds (at most ${limits.preferWaitSecondsMax}).`,
  },
};

function shared(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}

const submitQuery: readonly Json[] = [
  query(
    'priority',
    { type: 'integer', minimum: limits.priorityMin, maximum: limits.priorityMax },
    'Higher goes first.',
  ),
  query('delay', string, "Start no earlier than after this: '15s', '10m', '7d'."),
  query('not_before', { type: 'string', format: 'date-time' }, 'Start no earlier than this.'),
  query('deadline', string, 'Fail when not done by then: a duration or an instant.'),
];

function taskPaths(task: Task): Json {
  const about = task.description === null ? {} : { description: task.description };
  return {
    [task.path]: {
      post: {
        operationId: `submit_${task.name}`,
        summary: `Submit ${task.name}`,
        ...about,
        tags: [task.name],
        parameters: [shared('IdempotencyKey'), shared('Prefer'), ...submitQuery],
        requestBody: { content: json(task.inputJsonSchema ?? {}) },
        responses: {
          '200': { description: '`Prefer: wait` was long enough: the result itself.' },
          '202': { $ref: '#/components/responses/Accepted' },
          default: problemReference,
        },
      },
    },
    [`${task.path}/{id}`]: {
      get: {
        operationId: `result_${task.name}`,
        summary: `Read the result of ${task.name}`,
        tags: [task.name],
        parameters: [shared('Id')],
        responses: {
          '200': { description: 'The result: JSON, or the file the task made.' },
          '202': { $ref: '#/components/responses/Accepted' },
          '206': { description: 'The bytes asked for by Range.' },
          default: problemReference,
        },
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
        query('code', string, 'The error code of failed ones.'),
        query('since', string, "Created since: an instant, or how long ago ('2h')."),
        query('until', string, 'Created before: an instant, or how long ago.'),
        query('q', string, 'Part of the id, the error or the input.'),
        query('limit', { type: 'integer', minimum: 1, maximum: limits.pageSizeMax }, 'Page size.'),
        query('cursor', string, '`next_cursor` of the page before.'),
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
      parameters: [shared('Prefer'), { name: 'If-None-Match', in: 'header', schema: string }],
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
  '/operations/{id}/cancel': {
    parameters: [shared('Id')],
    post: {
      operationId: 'cancelOperation',
      summary: 'Cancel',
      tags: ['operations'],
      responses: operationReplies,
    },
  },
  '/operations/{id}/retry': {
    parameters: [shared('Id')],
    post: {
      operationId: 'retryOperation',
      summary: 'Run a failed operation again, as a new one',
      tags: ['operations'],
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
      responses: { '200': { description: 'Yes.' }, default: problemReference },
    },
  };
}

const otherPaths: Json = {
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
