import type { ExchangeReply } from '../exchange.ts';

/** A file that a page of ours is made of. */
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
