import type { WireWorker, WireWorkerList } from '../core/wire-server.ts';
import type { NodeRecord } from '../engine/node.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { iso } from './iso.ts';
import { jsonReply } from './json-reply.ts';

/** `GET /workers`: the processes on this store, known by their heartbeats. */
export async function listWorkers(context: HttpContext): Promise<ExchangeReply> {
  const nodes = await context.engine.nodes();
  return jsonReply({ workers: nodes.map(wireWorker) } satisfies WireWorkerList);
}

function wireWorker(node: NodeRecord): WireWorker {
  return {
    id: node.id,
    roles: node.roles,
    host: node.host,
    pid: node.pid,
    version: node.version,
    started_at: iso(node.startedAt),
    heartbeat_at: iso(node.heartbeatAt),
    state: node.state,
    busy: node.busy,
    slots: node.slots,
    event_loop_lag_ms: node.eventLoopLagMs,
    tasks: node.tasks,
  };
}
