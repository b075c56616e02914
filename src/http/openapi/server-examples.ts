const at = (time: string): string => `2030-01-31T${time}Z`;
const operationId = 'op_01JDQ2T4G6Z8K0M3N5P7R9S1V4';

/** Like schemaExamples, for answers about many operations or about the server. */
export function serverExamples(task: string): Readonly<Record<string, unknown>> {
  const line = {
    number: 42,
    at: at('09:00:09.000'),
    attempt: 1,
    level: 'info',
    message: 'page 42 of 100',
    fields: { ms: 210 },
  };
  return {
    LogLine: line,
    LogPage: { lines: [line], next_after: 42 },
    BatchCancel: { filter: { status: 'pending', task }, dry_run: true },
    BatchRetry: { filter: { task, code: 'task_error', error: 'ECONNREFUSED' } },
    BatchRemove: { filter: { task, fingerprint: '6f1c0d2ab94e7583' } },
    ErrorGroups: {
      groups: [
        {
          fingerprint: 'k-3f9c2a7d1b',
          task,
          code: 'task_error',
          title: 'Task failed',
          sample_detail: 'connect ECONNREFUSED 10.0.0.7:5432',
          count: 336,
          first_at: at('08:10:00.000'),
          last_at: at('09:00:20.000'),
          sample_operation_id: operationId,
        },
      ],
      complete: true,
    },
    WorkerList: {
      workers: [
        {
          id: 'box-1-4242',
          roles: ['api', 'worker'],
          host: 'box-1',
          pid: 4242,
          version: '1.0.0',
          started_at: at('08:00:00.000'),
          heartbeat_at: at('09:00:18.000'),
          state: 'live',
          busy: 4,
          slots: 64,
          event_loop_lag_ms: 11.2,
          tasks: [task],
        },
      ],
    },
    Stats: statsExample(task),
  };
}

function statsExample(task: string) {
  const duration = { p50: 190, p95: 420, p99: 900 };
  return {
    generated_at: at('09:00:20.000'),
    window_seconds: 3_600,
    bucket_seconds: 60,
    health: {
      status: 'degraded',
      message: `${task}: oldest waiting 4 min 12 s`,
      task,
      code: 'oldest_waiting',
    },
    totals: { pending: 2, processing: 4, completed: 1_024, failed: 3, dead_letters: 0 },
    oldest_pending_at: at('08:56:08.000'),
    workers: { live: 1, busy: 4, slots: 64 },
    buckets: [
      {
        at: at('09:00:00.000'),
        submitted: 12,
        started: 12,
        completed: 11,
        failed: 1,
        unstarted: 0,
        failed_by_code: { timeout: 1 },
        wait_ms: duration,
        run_ms: duration,
        complete: false,
      },
    ],
  };
}
