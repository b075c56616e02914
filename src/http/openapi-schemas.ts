import { errorTable, outcomeCodes } from '../core/errors.ts';
import { operationStatuses } from '../core/operation.ts';

/** A JSON Schema 2020-12, or a piece of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

const text: Json = { type: 'string' };
const instant: Json = { type: 'string', format: 'date-time' };
const textOrNull: Json = { type: ['string', 'null'] };
const instantOrNull: Json = { type: ['string', 'null'], format: 'date-time' };
const numberOrNull: Json = { type: ['number', 'null'] };
const count: Json = { type: 'integer', minimum: 0 };

function object(properties: Json, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required };
}

function orNull(schema: Json): Json {
  return { anyOf: [schema, { type: 'null' }] };
}

export function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

const progress = object({
  fraction: { type: ['number', 'null'], minimum: 0, maximum: 1 },
  message: textOrNull,
  current: numberOrNull,
  total: numberOrNull,
  updated_at: instant,
});

const estimate = object({
  completes_at: instant,
  basis: { enum: ['declared', 'history'] },
  samples: count,
});

const attempt = object({
  number: count,
  outcome: { enum: ['failed', 'lost', 'released'] },
  started_at: instant,
  ended_at: instant,
  error: orNull(object({ code: { enum: outcomeCodes }, detail: text })),
  retry_at: instantOrNull,
});

const operationError = object(
  {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { enum: outcomeCodes },
    attempts: { type: 'array', items: attempt },
  },
  ['attempts'],
);

const operation: Json = {
  ...object(
    {
      id: { type: 'string', pattern: '^op_[0-7][0-9A-HJKMNP-TV-Z]{25}$' },
      operation_id: text,
      task: text,
      status: { enum: operationStatuses },
      created_at: instant,
      started_at: instantOrNull,
      finished_at: instantOrNull,
      expires_at: instantOrNull,
      attempt: count,
      attempts_max: count,
      ready_at: instantOrNull,
      deadline_at: instantOrNull,
      priority: { type: 'integer' },
      progress: orNull(progress),
      estimate: orNull(estimate),
      status_url: text,
      result_url: textOrNull,
      cancel_url: textOrNull,
      events_url: { type: 'string', format: 'uri-reference' },
      cancel_requested_at: instantOrNull,
      error: orNull(operationError),
      attempts: { type: 'array', items: attempt },
      result: { description: 'The result itself when it is JSON of at most 16 KiB.' },
      labels: { type: 'object', additionalProperties: text },
      retry_of: textOrNull,
    },
    ['result', 'attempts'],
  ),
  description: '`completed` and `failed` are final and never change.',
};

const integerOrNull: Json = { type: ['integer', 'null'] };

const task = object({
  name: text,
  path: text,
  description: textOrNull,
  paused: { type: 'boolean' },
  input_schema: {},
  limits: object({
    attempts: count,
    timeout_ms: integerOrNull,
    queue_timeout_ms: integerOrNull,
    deadline_ms: integerOrNull,
    concurrency: integerOrNull,
    key_concurrency: integerOrNull,
    pending: integerOrNull,
  }),
  counts: object({ pending: count, processing: count, completed: count, failed: count }),
  oldest_pending_at: instantOrNull,
  expected_duration_ms: numberOrNull,
});

const problem: Json = {
  ...object(
    {
      type: { type: 'string', format: 'uri-reference' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      code: { enum: Object.keys(errorTable) },
      errors: { type: 'array', items: object({ pointer: text, detail: text }) },
      instance: { type: 'string', format: 'uri-reference' },
    },
    ['errors', 'instance'],
  ),
  description: 'RFC 9457. `code` is from a closed table; GET `type` tells what it means.',
};

export const schemas: Json = {
  Operation: operation,
  OperationPage: object({
    operations: { type: 'array', items: reference('Operation') },
    next_cursor: textOrNull,
  }),
  Task: task,
  TaskList: object({ tasks: { type: 'array', items: reference('Task') } }),
  Problem: problem,
  ProblemType: object({
    type: { type: 'string', format: 'uri-reference' },
    code: { enum: Object.keys(errorTable) },
    status: { type: 'integer' },
    title: text,
    retryable: { type: 'boolean' },
  }),
  Index: object({
    name: { const: 'raincheck' },
    version: text,
    operations_url: text,
    tasks_url: text,
    openapi_url: text,
    health_url: text,
    submit_urls: { type: 'object', additionalProperties: text },
  }),
  Health: object({ status: { enum: ['ok', 'ready'] } }),
};
