import type { WireWhoami } from '../core/wire-server.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { jsonReply } from './json-reply.ts';

/** `GET /whoami`: the scopes of this request's token, so that a page offers nothing else. */
export function readWhoami({ access }: HttpContext, request: ExchangeRequest): ExchangeReply {
  const { name, scopes } = access.grant(request.header('authorization'));
  return jsonReply({ name, scopes, secured: access.secured } satisfies WireWhoami);
}
