import type { ExchangeReply } from '../exchange.ts';

/** A file used by one of our pages. */
export function asset(type: string, body: string): ExchangeReply {
  return {
    status: 200,
    headers: {
      'content-type': type,
      'cache-control': 'public, max-age=300',
      'x-content-type-options': 'nosniff',
    },
    body,
  };
}
