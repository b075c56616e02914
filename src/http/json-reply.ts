import type { ExchangeReply } from './exchange.ts';

/** 200 with `body` as JSON, with caching forbidden. */
export function jsonReply(body: unknown): ExchangeReply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}
