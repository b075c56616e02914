import { batchSchema, batchTasks, type BatchAction } from '../../engine/batch-input.ts';
import { outcomeCodes } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import {
  json,
  problemReference,
  problems,
  query,
  shared,
  string,
  waitedHeaders,
  withHeaders,
} from './components.ts';
import { count, groupsSchema, instant, object, reference, text, type Json } from './schemas.ts';

const bodies: Readonly<Record<BatchAction, string>> = {
  cancel: 'BatchCancel',
  retry: 'BatchRetry',
  remove: 'BatchRemove',
};

function batchPath(action: BatchAction, p: { operationId: string; summary: string }): Json {
  return {
    [batchTasks[action].address]: {
      post: {
        ...p,
        tags: ['operations'],
        parameters: [shared('IdempotencyKey'), shared('Prefer')],
        requestBody: {
          required: true,
          content: json(reference(bodies[action])),
        },
        responses: {
          '200': {
            description: 'How many, to `dry_run`; else `Prefer: wait` was long enough: the result.',
            headers: { ...waitedHeaders, ...withHeaders('ETag', 'Accept-Ranges') },
            content: json({ anyOf: [reference('BatchCount'), reference('Batched')] }),
          },
          '202': { $ref: '#/components/responses/Accepted' },
          ...problems(503),
          default: problemReference,
        },
      },
    },
  };
}

export const batchPaths: Json = {
  ...batchPath('cancel', {
    operationId: 'batchCancel',
    summary: 'Cancel all operations that a filter finds, as an operation; or only count them',
  }),
  ...batchPath('retry', {
    operationId: 'batchRetry',
    summary: 'Retry all failed operations that a filter finds, as an operation; or only count them',
  }),
  ...batchPath('remove', {
    operationId: 'batchRemove',
    summary:
      'Remove all operations that are over and that a filter finds, as an operation; or only count them',
  }),
};

export const errorPaths: Json = {
  '/errors': {
    get: {
      operationId: 'listErrors',
      summary: 'What failed, by kind, the most frequent first',
      description:
        'Of the newest failed operations, without those that were cancelled. A kind is a task, a code and a detail without numbers, ids and the like.',
      tags: ['operations'],
      parameters: [
        query('since', string, 'Created since: an instant, or how long ago. Default 24h.'),
        query('task', string, 'Name of the task.'),
        shared('Limit'),
      ],
      responses: {
        '200': { description: 'The groups.', content: json(reference('ErrorGroups')) },
        default: problemReference,
      },
    },
  },
};

export const batchSchemas: Json = {
  ErrorGroups: groupsSchema({
    task: text,
    code: { enum: outcomeCodes },
    title: text,
    sample_detail: text,
    count,
    first_at: instant,
    last_at: instant,
    sample_operation_id: text,
  }),
  BatchCancel: batchSchema('cancel')['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
  BatchRetry: batchSchema('retry')['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
  BatchRemove: batchSchema('remove')['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
  BatchCount: object({
    dry_run: { const: true },
    count: { ...count, maximum: limits.batchCountMax },
    count_complete: { type: 'boolean', description: 'false: there may be more than that.' },
    sample: { type: 'array', items: text, description: 'Ids of the newest, 10 at most.' },
  }),
  Batched: object({ matched: count, changed: count, skipped: count, failed: count }),
};
