import type { WireEstimate, WireOperation } from '../../src/core/wire-operation.ts';
import type { WireTask } from '../../src/core/wire-server.ts';
import type { WireDelivery, WireEndpoint } from '../../src/core/wire-webhook.ts';

export const sampleId = 'op_01M833QKVJTQ91318PAAN2267W';

/** A pending operation as the server writes it, with the members that a test is about. */
export function wireOperation(members: Partial<WireOperation> = {}): WireOperation {
  const id = members.id ?? sampleId;
  return {
    id,
    operation_id: id,
    task: 'countdown',
    status: 'pending',
    created_at: '2026-01-01T00:00:00.000Z',
    started_at: null,
    finished_at: null,
    expires_at: null,
    attempt: 0,
    attempts_max: 4,
    attempt_started_at: null,
    ready_at: null,
    deadline_at: null,
    priority: 0,
    progress: null,
    estimate: null,
    status_url: `/operations/${id}`,
    result_url: null,
    cancel_url: null,
    events_url: `/operations/${id}/events`,
    cancel_requested_at: null,
    error: null,
    labels: {},
    retry_of: null,
    ...members,
  };
}

export function wireEstimate(members: Partial<WireEstimate> = {}): WireEstimate {
  return {
    starts_at: '2026-01-01T00:00:00.000Z',
    completes_at: '2026-01-01T00:02:00.000Z',
    completes_by: '2026-01-01T00:05:00.000Z',
    queue_position: 0,
    basis: 'history',
    samples: 212,
    confidence: 'ok',
    ...members,
  };
}

export function completed(result: unknown, members: Partial<WireOperation> = {}): WireOperation {
  return wireOperation({
    status: 'completed',
    attempt: 1,
    started_at: '2026-01-01T00:00:00.000Z',
    finished_at: '2026-01-01T00:00:04.300Z',
    result_url: `/countdown/${members.id ?? sampleId}`,
    result,
    ...members,
  });
}

export function failed(code: 'task_error' | 'timeout' | 'cancelled'): WireOperation {
  return wireOperation({
    status: 'failed',
    attempt: 4,
    finished_at: '2026-01-01T00:00:04.300Z',
    error: {
      type: `/problems/${code}`,
      title: 'Task failed',
      status: 500,
      detail: 'UpstreamError 503',
      code,
      attempts: [],
    },
  });
}

export function wireTask(members: Partial<WireTask> = {}): WireTask {
  return {
    name: 'countdown',
    path: '/countdown',
    description: null,
    paused: false,
    redact: [],
    input_schema: null,
    limits: {
      attempts: 3,
      timeout_ms: 600_000,
      queue_timeout_ms: null,
      deadline_ms: null,
      concurrency: null,
      key_concurrency: null,
      pending: null,
    },
    counts: { pending: 0, processing: 0, completed: 0, failed: 0 },
    oldest_pending_at: null,
    estimate_ms: null,
    durations: null,
    estimate_accuracy: null,
    ...members,
  };
}

export const sampleDeliveryId = 'msg_01M8A4E8X49JM2HXDQY4JRYS45';
export const sampleEndpointId = 'ep_01M8A4E996B3WN28N5KDPPT7E8';

/** A delivery that failed once and waits, as the server writes it. */
export function wireDelivery(members: Partial<WireDelivery> = {}): WireDelivery {
  const id = members.id ?? sampleDeliveryId;
  return {
    id,
    event: 'operation.completed',
    state: 'pending',
    operation_id: sampleId,
    endpoint_id: sampleEndpointId,
    url: 'https://hooks.example.com/raincheck',
    created_at: '2026-01-01T00:00:00.000Z',
    attempts: 1,
    failures: 1,
    failures_max: 12,
    last_status: 500,
    last_error: 'http_500',
    next_attempt_at: '2026-01-01T00:00:35.000Z',
    next_attempt_reason: 'schedule step 1 ±20 %',
    trigger: 'schedule',
    expires_at: '2026-01-06T00:00:00.000Z',
    finished_at: null,
    kept_until: null,
    delivery_url: `/webhooks/deliveries/${id}`,
    attempts_url: `/webhooks/deliveries/${id}/attempts`,
    operation_url: `/operations/${sampleId}`,
    ...members,
  };
}

export function wireEndpoint(members: Partial<WireEndpoint> = {}): WireEndpoint {
  const id = members.id ?? sampleEndpointId;
  return {
    id,
    kind: 'registered',
    url: 'https://hooks.example.com/raincheck',
    events: ['operation.completed', 'operation.failed'],
    tasks: null,
    header_names: [],
    description: null,
    enabled: true,
    disabled_reason: null,
    disabled_at: null,
    created_at: '2026-01-01T00:00:00.000Z',
    handshake: null,
    health: {
      circuit: 'closed',
      failures: 0,
      in_flight_max: null,
      failing_since: null,
      last_success_at: null,
      last_failure_at: null,
    },
    next_attempt_at: null,
    next_attempt_reason: null,
    endpoint_url: `/webhooks/endpoints/${id}`,
    deliveries_url: `/webhooks/deliveries?endpoint=${id}`,
    ...members,
  };
}
