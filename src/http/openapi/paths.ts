import { outcomeCodes } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { operationStatuses } from '../../core/operation.ts';
import {
  json,
  problemReference,
  problems,
  query,
  shared,
  string,
  withHeaders,
} from './components.ts';
import { anything } from './responses.ts';
import { reference, type Json } from './schemas.ts';
import { resultPath } from './task-paths.ts';

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
        shared('InputMembers'),
        query(
          'error',
          { type: 'string', maxLength: limits.filterTextChars },
          'Part of the error of failed ones, whatever the case of ASCII letters.',
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
          headers: withHeaders('Link'),
        },
        ...problems(410),
        default: problemReference,
      },
    },
  },
  '/events': {
    get: {
      operationId: 'watchOperations',
      summary: 'Follow all operations as server-sent events',
      description:
        'Events `operation` (as in the list), `tick` every 2 s (how many are `pending`, `processing`, `completed`, `failed`) and `gap` (`missed`: so many changes at least were not told). Best effort: after a gap, or a connection that broke, list.',
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
  '/operations/{id}/input': {
    parameters: [shared('Id')],
    get: {
      operationId: 'readInput',
      summary: 'Read what it was submitted with',
      tags: ['operations'],
      responses: {
        '200': {
          description:
            'The input as it was accepted, with `"[redacted]"` for what its task redacts; all of it is, where the task is not defined here.',
          content: anything,
        },
        ...problems(410),
        default: problemReference,
      },
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
          properties: {
            input: {
              description:
                'Instead of the input of the failed one. A `"[redacted]"` where that was shown becomes the value that is stored.',
            },
          },
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
