import { healthCodes, healthStatuses } from '../../core/health.ts';
import { nodeRoles } from '../../engine/node.ts';
import {
  count,
  instant,
  instantOrNull,
  integerOrNull,
  object,
  orNull,
  reference,
  text,
  textOrNull,
  type Json,
} from './schemas.ts';

const milliseconds: Json = { type: 'number', minimum: 0 };

const worker = object({
  id: text,
  roles: { type: 'array', items: { enum: nodeRoles } },
  host: text,
  pid: count,
  version: text,
  started_at: instant,
  heartbeat_at: instant,
  state: { enum: ['live', 'draining', 'dead'] },
  busy: count,
  slots: count,
  event_loop_lag_ms: { type: ['number', 'null'], minimum: 0 },
  tasks: { type: 'array', items: text },
});

const quantiles = orNull(object({ p50: milliseconds, p95: milliseconds, p99: milliseconds }));

const statsBucket = object({
  at: instant,
  submitted: count,
  started: count,
  completed: count,
  failed: count,
  unstarted: count,
  failed_by_code: { type: 'object', additionalProperties: count },
  wait_ms: quantiles,
  run_ms: quantiles,
  complete: { type: 'boolean' },
});

const stats = object({
  generated_at: instant,
  window_seconds: count,
  bucket_seconds: count,
  health: object({
    status: { enum: healthStatuses },
    message: text,
    task: textOrNull,
    code: { enum: healthCodes },
  }),
  totals: object({
    pending: count,
    processing: count,
    completed: count,
    failed: count,
    dead_letters: integerOrNull,
  }),
  oldest_pending_at: instantOrNull,
  workers: object({ live: count, busy: count, slots: count }),
  buckets: { type: 'array', items: statsBucket },
});

/** Schemas of the answers to operators. */
export const serverSchemas: Json = {
  Stats: stats,
  Worker: worker,
  WorkerList: object({ workers: { type: 'array', items: reference('Worker') } }),
};
