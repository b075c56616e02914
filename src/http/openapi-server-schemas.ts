import { nodeRoles } from '../engine/node.ts';
import { count, instant, object, reference, text, type Json } from './openapi-schemas.ts';

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

/** Of the answers to operators. */
export const serverSchemas: Json = {
  Worker: worker,
  WorkerList: object({ workers: { type: 'array', items: reference('Worker') } }),
};
