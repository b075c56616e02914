import type { WireOperation, WireTask } from '../../src/core/wire.ts';

export const sampleId = 'op_01M833QKVJTQ91318PAAN2267W';

/** A pending operation as the server writes it, with what the test is about. */
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
    expected_duration_ms: null,
    ...members,
  };
}
