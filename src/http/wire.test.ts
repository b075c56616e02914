import { createAccess } from './access.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { deliveryStates, finalWebhookEvents } from '../core/delivery.ts';
import { operationId } from '../core/id.ts';
import {
  isFinal,
  operationStates,
  statusOf,
  type EndedAttempt,
  type Operation,
} from '../core/operation.ts';
import type { WireAttempt, WireOperation, WireOperationWebhook } from '../core/wire-operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import { silentLogger } from '../engine/logger.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { HttpContext } from './context.ts';
import { iso } from './iso.ts';
import type { ShownDelivery } from './webhook-wire.ts';
import { estimateBases, estimateConfidences, estimateReasons } from '../core/operation-estimate.ts';
import { operationJson, type ShownOperation } from './wire.ts';

const task = defineTask('reports.v1', { path: '/v1/reports', run: () => 1 });
const context: HttpContext = {
  engine: createEngine({ store: memoryStore(), tasks: [task] }),
  webhooks: null,
  basePath: '/ops',
  publicOrigin: null,
  access: createAccess({}),
  allowedOrigins: [],
  metrics: null,
  logger: silentLogger,
  bodyBytesMax: 1,
  dashboard: null,
  dev: false,
  version: '0',
};

const instant = fc.integer({ min: 0, max: 4_102_444_800_000 });
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const text = fc.string({ unit: 'binary' });
const id = fc
  .tuple(instant, fc.uint8Array({ minLength: 10, maxLength: 10 }))
  .map(([at, bytes]) => operationId(at, bytes));

const operations: fc.Arbitrary<Operation> = fc
  .record({
    id,
    state: fc.constantFrom(...operationStates),
    createdAt: instant,
    startedAt: orNull(instant),
    finishedAt: orNull(instant),
    expiresAt: orNull(instant),
    attempt: fc.nat(1000),
    attemptsMax: fc.nat(1000),
    priority: fc.integer({ min: -100, max: 100 }),
    readyAt: instant,
    deadlineAt: orNull(instant),
    progress: orNull(
      fc.record({
        fraction: orNull(fc.double({ min: 0, max: 1, noNaN: true })),
        message: orNull(text),
        current: orNull(fc.integer()),
        total: orNull(fc.integer()),
        updatedAt: instant,
      }),
    ),
    cancelRequestedAt: orNull(instant),
    labels: fc.dictionary(fc.string(), text, { maxKeys: 3, noNullPrototype: true }),
    retryOf: orNull(id),
    detail: text,
    inline: orNull(fc.json()),
    task: fc.constantFrom('reports.v1', 'removed-task'),
    webhook: orNull(
      fc.record({
        url: fc.webUrl({ withQueryParameters: true, withFragments: true }),
        events: fc.constant(finalWebhookEvents),
        headers: fc.constant({ authorization: 'hidden-value' }),
        secret: fc.constant('whsec_hidden'),
      }),
    ),
  })
  .map(({ detail, inline, ...p }) => ({
    ...p,
    tenant: '',
    version: 1,
    retentionMs: 1,
    recoveries: 0,
    attemptStartedAt: null,
    lease: null,
    waitUntil: null,
    concurrencyKey: null,
    traceparent: null,
    error:
      p.state === 'failed'
        ? { code: 'task_error', detail, name: null, status: null, type: null, title: null }
        : null,
    result:
      p.state === 'completed'
        ? { contentType: 'application/json', name: null, sizeBytes: 1, etag: '"x"', inline }
        : null,
  }));

const endedAttempts: fc.Arbitrary<EndedAttempt[]> = fc.array(
  fc.record({
    operationId: fc.constant('op_x'),
    number: fc.nat(1000),
    worker: fc.constant('w'),
    startedAt: instant,
    endedAt: instant,
    outcome: fc.constantFrom('failed' as const, 'lost' as const, 'released' as const),
    error: orNull(
      text.map((detail) => ({
        code: 'timeout' as const,
        detail,
        name: null,
        status: null,
        type: null,
        title: null,
      })),
    ),
    retryAt: orNull(instant),
  }),
  { maxLength: 2 },
);
const deliveries: fc.Arbitrary<ShownDelivery> = fc
  .record({
    id: id.map((one) => one.replace('op_', 'msg_')),
    state: fc.constantFrom(...deliveryStates),
    version: fc.nat(),
    attempts: fc.nat(12),
    lastStatus: orNull(fc.nat(599)),
    lastError: orNull(text),
    wait: fc.record({ at: orNull(instant), reason: orNull(text) }),
  })
  .map(({ wait, ...p }) => ({
    wait,
    delivery: {
      ...p,
      tenant: '',
      endpointId: 'ep_x',
      operationId: 'op_x',
      event: 'operation.completed',
      url: 'https://example.com/?token=hidden',
      createdAt: 0,
      failures: 0,
      failuresMax: 12,
      nextAt: null,
      nextReason: null,
      trigger: 'schedule',
      lease: null,
      expiresAt: 0,
      finishedAt: null,
      removeAt: null,
    },
  }));
const lives = fc.tuple(operations, orNull(endedAttempts), orNull(deliveries));

function wireAttempt(attempt: EndedAttempt): WireAttempt {
  const { error, retryAt } = attempt;
  return {
    number: attempt.number,
    outcome: attempt.outcome,
    started_at: new Date(attempt.startedAt).toISOString(),
    ended_at: new Date(attempt.endedAt).toISOString(),
    error: error && { code: error.code, detail: error.detail },
    retry_at: retryAt === null ? null : new Date(retryAt).toISOString(),
  };
}

function plainWebhook({ operation, delivery: shown }: ShownOperation): WireOperationWebhook | null {
  const { webhook } = operation;
  if (webhook === null) return null;
  const ended = isFinal(operation.state) ? 'none' : 'waiting';
  const at = shown?.wait.at ?? null;
  return {
    url: webhook.url.replace(/[?#].*$/, ''),
    events: webhook.events,
    state: shown?.delivery.state ?? ended,
    delivery_id: shown?.delivery.id ?? null,
    attempts: shown?.delivery.attempts ?? 0,
    last_status: shown?.delivery.lastStatus ?? null,
    last_error: shown?.delivery.lastError ?? null,
    next_attempt_at: at === null ? null : new Date(at).toISOString(),
    next_attempt_reason: shown?.wait.reason ?? null,
    delivery_url: shown === null ? null : `/ops/webhooks/deliveries/${shown.delivery.id}`,
  };
}

/** The same object built in the plain way. */
function plainly(shown: ShownOperation): WireOperation {
  const { operation, estimate, attempts } = shown;
  const at = (ms: number | null): string | null =>
    ms === null ? null : new Date(ms).toISOString();
  const status = statusOf(operation.state);
  const url = `/ops/operations/${operation.id}`;
  const result = operation.task === task.name ? `/ops/v1/reports/${operation.id}` : `${url}/result`;
  const { progress } = operation;
  const plain: WireOperation = {
    id: operation.id,
    operation_id: operation.id,
    task: operation.task,
    status,
    created_at: at(operation.createdAt) ?? '',
    started_at: at(operation.startedAt),
    finished_at: at(operation.finishedAt),
    expires_at: at(operation.expiresAt),
    attempt: operation.attempt,
    attempts_max: operation.attemptsMax,
    attempt_started_at: at(operation.attemptStartedAt),
    ready_at: operation.state === 'scheduled' ? at(operation.readyAt) : null,
    deadline_at: at(operation.deadlineAt),
    priority: operation.priority,
    progress: progress && {
      fraction: progress.fraction,
      message: progress.message,
      current: progress.current,
      total: progress.total,
      updated_at: at(progress.updatedAt) ?? '',
    },
    estimate: estimate && {
      starts_at: at(estimate.startsAt),
      completes_at: at(estimate.completesAt),
      completes_by: at(estimate.completesBy),
      queue_position: estimate.queuePosition,
      basis: estimate.basis,
      samples: estimate.samples,
      confidence: estimate.confidence,
      ...(estimate.longerThanUsual && { longer_than_usual: true }),
      ...(estimate.reason !== null && { reason: estimate.reason }),
    },
    status_url: url,
    result_url: status === 'completed' ? result : null,
    cancel_url: isFinal(operation.state) ? null : `${url}/cancel`,
    events_url: `${url}/events`,
    cancel_requested_at: at(operation.cancelRequestedAt),
    error: operation.error && {
      type: '/ops/problems/task_error',
      title: 'Task failed',
      status: 500,
      detail: operation.error.detail,
      code: operation.error.code,
      ...(attempts !== null && { attempts: attempts.map(wireAttempt) }),
    },
    ...(attempts !== null &&
      attempts.length > 0 &&
      operation.state !== 'failed' && { attempts: attempts.map(wireAttempt) }),
    labels: operation.labels,
    retry_of: operation.retryOf,
    ...(attempts !== null && { webhook: plainWebhook(shown) }),
  };
  const inline = operation.result?.inline ?? null;
  return inline === null ? plain : { ...plain, result: JSON.parse(inline) as unknown };
}

describe('The JSON of an operation, written by hand', () => {
  it('is what JSON.stringify would write', () => {
    const estimate = fc.record({
      startsAt: orNull(instant),
      completesAt: orNull(instant),
      completesBy: orNull(instant),
      queuePosition: orNull(fc.nat()),
      basis: fc.constantFrom(...estimateBases),
      samples: fc.nat(),
      confidence: fc.constantFrom(...estimateConfidences),
      longerThanUsual: fc.boolean(),
      reason: orNull(fc.constantFrom(...estimateReasons)),
    });
    fc.assert(
      fc.property(lives, orNull(estimate), ([operation, attempts, delivery], estimate) => {
        const shown: ShownOperation = { operation, estimate, attempts, delivery };
        const written = operationJson(context, shown);
        const plain = plainly(shown);
        assert.deepEqual(JSON.parse(written), JSON.parse(JSON.stringify(plain)));
        if (operation.result === null) assert.equal(written, JSON.stringify(plain));
        assert.ok(!written.includes('hidden'), written);
      }),
      { numRuns: 500 },
    );
  });
});

describe('An instant', () => {
  it('is written as Date.toISOString writes it', () => {
    fc.assert(
      fc.property(instant, fc.nat(200_000), (ms, more) => {
        for (const one of [ms, ms + more, ms + 1]) {
          assert.equal(iso(one), new Date(one).toISOString());
        }
      }),
    );
  });
});
