import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './json-reply.ts';

/** `GET /livez`: the process answers. Asks nobody, so that a full disk does not restart it in a loop. */
export function readLiveness(): ExchangeReply {
  return jsonReply({ status: 'ok' });
}

/** `GET /readyz`: 503 when requests should go elsewhere. */
export async function readReadiness(context: HttpContext): Promise<ExchangeReply> {
  await context.engine.ready();
  return jsonReply({ status: 'ready' });
}
