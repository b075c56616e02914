import { deliveryStates, webhookEvents } from '../../core/delivery.ts';
import { errorTable, outcomeCodes } from '../../core/errors.ts';
import { lineLevels } from '../../core/log-line.ts';
import {
  estimateBases,
  estimateConfidences,
  estimateReasons,
} from '../../core/operation-estimate.ts';
import { operationStatuses } from '../../core/operation.ts';
import { scopes } from '../../core/scope.ts';

/** A JSON Schema 2020-12, or a piece of an OpenAPI document. */
export type Json = Readonly<Record<string, unknown>>;

export const text: Json = { type: 'string' };
export const instant: Json = { type: 'string', format: 'date-time' };
export const textOrNull: Json = { type: ['string', 'null'] };
export const instantOrNull: Json = { type: ['string', 'null'], format: 'date-time' };
const numberOrNull: Json = { type: ['number', 'null'] };
export const integerOrNull: Json = { type: ['integer', 'null'] };
export const count: Json = { type: 'integer', minimum: 0 };

export function object(properties: Json, optional: readonly string[] = []): Json {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: 'object', properties, required };
}

/** The schema with a description. */
export function told(schema: Json, description: string): Json {
  return { ...schema, description };
}

/**
 * A schema that was a document of its own, moved to `pointer` in another. Its references are
 * adjusted to lead into itself.
 */
export function embedded(schema: Json, pointer: string): Json {
  return embeddedNode(schema, pointer) as Json;
}

function embeddedNode(node: unknown, pointer: string): unknown {
  if (Array.isArray(node)) return node.map((one) => embeddedNode(one, pointer));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      name === '$ref' && typeof value === 'string' && value.startsWith('#')
        ? `${pointer}${value.slice(1)}`
        : embeddedNode(value, pointer),
    ]),
  );
}

export function orNull(schema: Json): Json {
  return { anyOf: [schema, { type: 'null' }] };
}

/** Groups of similar things. */
export function groupsSchema(members: Json): Json {
  return object({
    groups: { type: 'array', items: object({ fingerprint: text, ...members }) },
    complete: { type: 'boolean', description: 'false: older ones were not looked at.' },
  });
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

const estimate = object(
  {
    starts_at: instantOrNull,
    completes_at: told(instantOrNull, 'The median.'),
    completes_by: told(instantOrNull, 'Nine of ten are done by then.'),
    queue_position: integerOrNull,
    basis: { enum: estimateBases },
    samples: count,
    confidence: { enum: estimateConfidences },
    longer_than_usual: { const: true },
    reason: { enum: estimateReasons },
  },
  ['longer_than_usual', 'reason'],
);

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

const operationWebhook: Json = {
  ...object({
    url: text,
    events: { type: 'array', items: { enum: webhookEvents } },
    state: { enum: ['waiting', 'none', ...deliveryStates] },
    delivery_id: textOrNull,
    attempts: count,
    last_status: integerOrNull,
    last_error: textOrNull,
    next_attempt_at: instantOrNull,
    next_attempt_reason: textOrNull,
    delivery_url: textOrNull,
  }),
  description:
    'How the address that the request named gets to know of the end. `waiting`: not final yet; `none`: there is no delivery.',
};

const operation: Json = {
  ...object(
    {
      id: { type: 'string', pattern: '^op_[0-7][0-9A-HJKMNP-TV-Z]{25}$' },
      operation_id: told(text, 'The same as `id`.'),
      task: told(text, 'Name of the task.'),
      status: { enum: operationStatuses },
      created_at: instant,
      started_at: told(instantOrNull, 'Start of the latest attempt.'),
      finished_at: instantOrNull,
      expires_at: told(instantOrNull, 'Until when status and result are kept.'),
      attempt: told(count, 'Of the latest attempt; 0 before the first.'),
      attempts_max: count,
      attempt_started_at: told(instantOrNull, 'Start of the attempt that runs or ran last.'),
      ready_at: told(instantOrNull, 'Of one that waits for its time: when that is.'),
      deadline_at: told(instantOrNull, 'It fails when it is not done by then.'),
      priority: told({ type: 'integer' }, 'Higher goes first.'),
      progress: told(orNull(progress), 'As the handler reports it; null before it does.'),
      estimate: told(orNull(estimate), 'When it starts and ends; null once final.'),
      status_url: told(text, 'Where to poll.'),
      result_url: told(textOrNull, 'Where the result is, once completed.'),
      cancel_url: told(textOrNull, 'Where to POST to cancel it; null once final.'),
      events_url: told({ type: 'string', format: 'uri-reference' }, 'Where to follow it live.'),
      cancel_requested_at: instantOrNull,
      error: told(orNull(operationError), 'Why it failed.'),
      attempts: told(
        { type: 'array', items: attempt },
        'Those that ended without success, while it goes on.',
      ),
      result: { description: 'The result itself when it is JSON of at most 16 KiB.' },
      labels: { type: 'object', additionalProperties: text },
      retry_of: told(textOrNull, 'The failed operation that this one runs again.'),
      webhook: orNull(operationWebhook),
    },
    ['result', 'attempts', 'webhook'],
  ),
  description: '`completed` and `failed` are final and never change.',
};

const logLine = object({
  number: { type: 'integer', minimum: 1 },
  at: instant,
  attempt: count,
  level: { enum: lineLevels },
  message: text,
  fields: { type: ['object', 'null'] },
});

const task = object({
  name: text,
  path: text,
  description: textOrNull,
  paused: { type: 'boolean' },
  redact: {
    type: 'array',
    items: text,
    description: 'Members of the input that are shown as `"[redacted]"`, like `input.apiKey`.',
  },
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
  estimate_ms: integerOrNull,
  durations: orNull(object({ p50_ms: count, p90_ms: count, samples: count })),
  estimate_accuracy: orNull(
    object({
      samples: count,
      within_bound: { type: 'number', minimum: 0, maximum: 1 },
      error_median: { type: 'number', minimum: 0 },
    }),
  ),
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
  LogLine: logLine,
  LogPage: object({ lines: { type: 'array', items: reference('LogLine') }, next_after: count }),
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
  Whoami: object({
    name: textOrNull,
    scopes: { type: 'array', items: { enum: scopes } },
    secured: { type: 'boolean' },
  }),
  Index: object(
    {
      name: { const: 'raincheck' },
      version: text,
      operations_url: text,
      tasks_url: text,
      openapi_url: text,
      arazzo_url: text,
      docs_url: text,
      health_url: text,
      webhook_endpoints_url: text,
      webhook_deliveries_url: text,
      submit_urls: { type: 'object', additionalProperties: text },
    },
    ['webhook_endpoints_url', 'webhook_deliveries_url'],
  ),
  Health: object({ status: { enum: ['ok', 'ready'] } }),
};
