import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './json-reply.ts';

/**
 * `GET /livez`: 200 while the process answers. It asks no store, so that a full disk does not cause
 * a restart loop.
 */
export function readLiveness(): ExchangeReply {
  return jsonReply({ status: 'ok' });
}

/** `GET /readyz`: 200, or 503 when requests should go to another server. */
export async function readReadiness(context: HttpContext): Promise<ExchangeReply> {
  await context.engine.ready();
  return jsonReply({ status: 'ready' });
}
