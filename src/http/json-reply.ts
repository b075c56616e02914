import type { ExchangeReply } from './exchange.ts';

/** 200 with `body` as JSON that nobody keeps. */
export function jsonReply(body: unknown): ExchangeReply {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}
