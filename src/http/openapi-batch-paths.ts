import { batchSchema, batchTasks, type BatchAction } from '../engine/batch-input.ts';
import { limits } from '../core/limits.ts';
import { json, problemReference, shared } from './openapi-components.ts';
import { count, object, reference, text, type Json } from './openapi-schemas.ts';

function batchPath(action: BatchAction, p: { operationId: string; summary: string }): Json {
  return {
    [batchTasks[action].address]: {
      post: {
        ...p,
        tags: ['operations'],
        parameters: [shared('IdempotencyKey'), shared('Prefer')],
        requestBody: {
          required: true,
          content: json(reference(action === 'cancel' ? 'BatchCancel' : 'BatchRetry')),
        },
        responses: {
          '200': {
            description: 'How many, to `dry_run`; else `Prefer: wait` was long enough: the result.',
            content: json({ anyOf: [reference('BatchCount'), reference('Batched')] }),
          },
          '202': { $ref: '#/components/responses/Accepted' },
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
};

export const batchSchemas: Json = {
  BatchCancel: batchSchema('cancel')['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
  BatchRetry: batchSchema('retry')['~standard'].jsonSchema.input({ target: 'draft-2020-12' }),
  BatchCount: object({
    dry_run: { const: true },
    count: { ...count, maximum: limits.batchCountMax },
    count_complete: { type: 'boolean', description: 'false: there may be more than that.' },
    sample: { type: 'array', items: text, description: 'Ids of the newest, 10 at most.' },
  }),
  Batched: object({ matched: count, changed: count, skipped: count, failed: count }),
};
