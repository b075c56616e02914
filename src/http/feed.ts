import { elapsedClock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { WireFeedGap, WireFeedTick } from '../core/wire-server.ts';
import type { FeedEvent, TaskRecord } from '../engine/engine.ts';
import { tenant, type HttpContext } from './context.ts';
import {
  bytes,
  eventStreamHeaders,
  oneLine,
  pingLine,
  retryLine,
  withinMs,
} from './event-stream.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { single } from './query.ts';
import { listedJson } from './wire.ts';

/**
 * `GET /events?task=`: changes of all operations, as server-sent events without ids.
 *
 *   operation  an operation was accepted or has changed; the data is the operation as in a list
 *   tick       every 2 s: the number of operations in each status
 *   gap        at least so many changes were left out; clients list what has to be exact
 *
 * Best effort (engine/feed.ts). Nothing is buffered for clients that were away. The first tick says
 * that the stream is live, and a client that lists after it misses nothing in between.
 */
export function readFeed(context: HttpContext, request: ExchangeRequest): ExchangeReply {
  const task = single(new URLSearchParams(request.query), 'task');
  const headers = eventStreamHeaders;
  if (request.method === 'HEAD') return { status: 200, headers, body: null };
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  // Throws now, while the error can still be sent as a status.
  const later = context.engine.feed({ tenant, task, signal, holder: holder(context, request) });
  const end = (): void => over.abort();
  const stream = texts(context, { later, end });
  const body: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => ({
      next: () => stream.next(),
      // As in events.ts: a generator's own return() waits for its pending await.
      return: () => {
        end();
        void later.return(undefined);
        return stream.return(undefined);
      },
    }),
  };
  return { status: 200, headers, body };
}

/**
 * The name by which streams are limited; null: no limit by name. Without tokens everybody may do
 * everything, and behind a proxy all clients have one address, so they cannot be told apart.
 */
function holder({ access }: HttpContext, request: ExchangeRequest): string | null {
  if (!access.secured) return null;
  return access.grant(request.header('authorization')).name ?? '';
}

async function* texts(
  context: HttpContext,
  p: { readonly later: AsyncGenerator<FeedEvent>; readonly end: () => void },
): AsyncGenerator<Uint8Array> {
  const elapsed = elapsedClock(context.engine.clock);
  const endsAt = elapsed.now() + limits.eventStreamMs;
  try {
    yield bytes(retryLine);
    let next = p.later.next();
    while (elapsed.now() < endsAt) {
      const arrived = await withinMs(next, elapsed, limits.eventPingMs);
      if (arrived === 'silence') {
        yield bytes(pingLine);
        continue;
      }
      if (arrived.done === true) return;
      yield eventBytes(context, arrived.value);
      next = p.later.next();
    }
  } finally {
    p.end();
    await p.later.return(undefined);
  }
}

function eventBytes(context: HttpContext, event: FeedEvent): Uint8Array {
  switch (event.type) {
    case 'operation':
      return operationBytes(context, event.operation);
    case 'tick':
      return bytes(`event: tick\ndata: ${JSON.stringify(counts(event.records))}\n\n`);
    case 'gap': {
      const gap: WireFeedGap = { missed: event.missed };
      return bytes(`event: gap\ndata: ${JSON.stringify(gap)}\n\n`);
    }
  }
}

/** The text of each operation, written once for all streams. */
const written = new WeakMap<
  Operation,
  { readonly context: HttpContext; readonly text: Uint8Array }
>();

function operationBytes(context: HttpContext, operation: Operation): Uint8Array {
  const known = written.get(operation);
  if (known?.context === context) return known.text;
  const text = bytes(`event: operation\ndata: ${oneLine(listedJson(context, operation))}\n\n`);
  written.set(operation, { context, text });
  return text;
}

function counts(records: readonly TaskRecord[]): WireFeedTick {
  const sum = { pending: 0, processing: 0, completed: 0, failed: 0 };
  for (const { pending, processing, completed, failed } of records) {
    sum.pending += pending;
    sum.processing += processing;
    sum.completed += completed;
    sum.failed += failed;
  }
  return sum;
}
