import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './tasks.ts';

export function openapiReply(context: HttpContext): ExchangeReply {
  return jsonReply({ openapi: '3.1.0', info: { title: 'Raincheck', version: context.version } });
}
