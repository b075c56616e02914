import type { WireOperation } from '../../core/wire-operation.ts';
import type { WireOperationEvent } from '../../core/wire-webhook.ts';
import type { Json } from './schemas.ts';
import { serverExamples } from './server-examples.ts';
import { problemType } from '../problem.ts';

/**
 * The server and task that an example is for: its addresses are of this server, its operation of
 * this task.
 */
export type ExampleOf = {
  readonly basePath: string;
  readonly task: string;
  /** Path of the task, without the base path. */
  readonly path: string;
};

const id = 'op_01JDQ2T4G6Z8K0M3N5P7R9S1V4';
const at = (time: string): string => `2030-01-31T${time}Z`;

/** One operation at several moments. A test checks all examples against the schemas. */
export function operationExamples(of: ExampleOf): {
  readonly pending: WireOperation;
  readonly processing: WireOperation;
  readonly completed: WireOperation;
  readonly failed: WireOperation;
} {
  const pending = pendingOperation(of);
  const processing: WireOperation = {
    ...pending,
    status: 'processing',
    started_at: at('09:00:01.000'),
    attempt: 1,
    progress: {
      fraction: 0.42,
      message: 'page 42 of 100',
      current: 42,
      total: 100,
      updated_at: at('09:00:09.000'),
    },
  };
  const final: WireOperation = {
    ...processing,
    finished_at: at('09:00:20.000'),
    expires_at: '2030-02-07T09:00:20.000Z',
    estimate: null,
    cancel_url: null,
  };
  return {
    pending,
    processing,
    completed: {
      ...final,
      status: 'completed',
      result_url: `${of.basePath}${of.path}/${id}`,
      result: { pages: 100 },
    },
    failed: { ...final, status: 'failed', error: failure(of.basePath) },
  };
}

function pendingOperation(of: ExampleOf): WireOperation {
  const url = `${of.basePath}/operations/${id}`;
  return {
    id,
    operation_id: id,
    task: of.task,
    status: 'pending',
    created_at: at('09:00:00.000'),
    started_at: null,
    finished_at: null,
    expires_at: null,
    attempt: 0,
    attempts_max: 3,
    attempt_started_at: null,
    ready_at: null,
    deadline_at: null,
    priority: 0,
    progress: null,
    estimate: {
      starts_at: at('09:00:01.000'),
      completes_at: at('09:00:21.000'),
      completes_by: at('09:00:34.000'),
      queue_position: 0,
      basis: 'history',
      samples: 212,
      confidence: 'ok',
    },
    status_url: url,
    result_url: null,
    cancel_url: `${url}/cancel`,
    events_url: `${url}/events`,
    cancel_requested_at: null,
    error: null,
    labels: { team: 'acme' },
    retry_of: null,
    webhook: null,
  };
}

function failure(basePath: string): NonNullable<WireOperation['error']> {
  return {
    type: problemType(basePath, 'task_error'),
    title: 'Task failed',
    status: 500,
    detail: 'The printer has no paper.',
    code: 'task_error',
    attempts: [
      {
        number: 1,
        outcome: 'failed',
        started_at: at('09:00:01.000'),
        ended_at: at('09:00:20.000'),
        error: { code: 'task_error', detail: 'The printer has no paper.' },
        retry_at: null,
      },
    ],
  };
}

/** Bodies of webhooks, by event. */
export function eventExamples(of: ExampleOf): Json {
  const { pending, processing, completed, failed } = operationExamples(of);
  const event = (
    type: WireOperationEvent['type'],
    operation: WireOperation,
    timestamp: string,
  ): Json => ({
    type,
    timestamp,
    operation_id: id,
    status: operation.status,
    result_url: operation.result_url,
    error: operation.error,
    data: { operation },
  });
  return {
    'operation.started': event(
      'operation.started',
      { ...pending, status: 'processing', started_at: at('09:00:01.000'), attempt: 1 },
      at('09:00:01.000'),
    ),
    'operation.progress': event('operation.progress', processing, at('09:00:09.000')),
    'operation.completed': event('operation.completed', completed, at('09:00:20.000')),
    'operation.failed': event('operation.failed', failed, at('09:00:20.000')),
    'webhook.test': {
      type: 'webhook.test',
      timestamp: at('09:00:00.000'),
      data: { endpoint_id: endpointId },
    },
  };
}

export const endpointId = 'ep_01JDQ2T4G6Z8K0M3N5P7R9S1V4';

/**
 * An example for each schema that is a whole request or answer, by the name of the schema;
 * withExamples puts it wherever that schema alone is the content. Those of webhooks are in
 * webhook-examples.ts.
 */
export function schemaExamples(of: ExampleOf): Readonly<Record<string, unknown>> {
  const { processing, completed } = operationExamples(of);
  const { basePath } = of;
  // As lists show operations, without result and webhook.
  const { result: _, webhook: _webhook, ...listed } = completed;
  const task = {
    name: of.task,
    path: `${basePath}${of.path}`,
    description: 'What the task does.',
    paused: false,
    redact: [],
    input_schema: { type: 'object' },
    limits: {
      attempts: 3,
      timeout_ms: 600_000,
      queue_timeout_ms: null,
      deadline_ms: null,
      concurrency: 4,
      key_concurrency: null,
      pending: null,
    },
    counts: { pending: 2, processing: 4, completed: 1024, failed: 3 },
    oldest_pending_at: at('09:00:00.000'),
    estimate_ms: null,
    durations: { p50_ms: 19_000, p90_ms: 32_000, samples: 212 },
    estimate_accuracy: { samples: 200, within_bound: 0.93, error_median: 0.08 },
  };
  return {
    Operation: processing,
    OperationPage: { operations: [listed], next_cursor: null },
    Task: task,
    TaskList: { tasks: [task] },
    ProblemType: {
      type: problemType(basePath, 'not_found'),
      code: 'not_found',
      status: 404,
      title: 'Not found',
      retryable: false,
    },
    Index: {
      name: 'raincheck',
      version: '1.0.0',
      operations_url: `${basePath}/operations`,
      tasks_url: `${basePath}/tasks`,
      openapi_url: `${basePath}/openapi.json`,
      arazzo_url: `${basePath}/arazzo.json`,
      docs_url: `${basePath}/docs`,
      health_url: `${basePath}/readyz`,
      submit_urls: { [of.task]: `${basePath}${of.path}` },
    },
    Whoami: { name: 'dashboard', scopes: ['read', 'operate'], secured: true },
    Health: { status: 'ok' },
    ...serverExamples(of.task),
  };
}

/** Adds the example of its schema to each content that has none of its own. */
export function withExamples(node: unknown, examples: Readonly<Record<string, unknown>>): unknown {
  if (Array.isArray(node)) return node.map((one) => withExamples(one, examples));
  if (typeof node !== 'object' || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      name === 'content' ? exampleContent(value as Json, examples) : withExamples(value, examples),
    ]),
  );
}

function exampleContent(content: Json, examples: Readonly<Record<string, unknown>>): Json {
  return Object.fromEntries(
    Object.entries(content).map(([type, media]) => {
      // A task's input may have a member called `content` too.
      if (typeof media !== 'object' || media === null) return [type, media];
      const { schema, example, examples: several } = media as Record<string, Json | undefined>;
      const name = String(schema?.['$ref']).replace('#/components/schemas/', '');
      const has = example !== undefined || several !== undefined || !Object.hasOwn(examples, name);
      return [type, has ? media : { ...media, example: examples[name] }];
    }),
  );
}
