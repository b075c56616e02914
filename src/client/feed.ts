import type { WireOperation } from '../core/wire-operation.ts';
import type { WireFeedGap, WireFeedTick } from '../core/wire-server.ts';
import { notRaincheck, operationIn } from './answered-operation.ts';
import type { StreamEvent } from './event-stream.ts';
import { NetworkError, ProblemError } from './problem.ts';
import { isEventStream, reconnectMs, streamEvents } from './stream-reader.ts';
import type { Transport } from './transport.ts';

/** An event of client.feed(). */
export type FeedEvent =
  /** The operation was accepted or has changed. It comes as in a list, without its result. */
  | { readonly type: 'operation'; readonly operation: WireOperation }
  /** The number of operations in each status; the first event, and then every 2 s. */
  | ({ readonly type: 'tick' } & WireFeedTick)
  /**
   * At least `missed` changes were not sent; null: the connection was lost, so the number is
   * unknown. Use list() for what has to be exact.
   */
  | { readonly type: 'gap'; readonly missed: number | null };

/** The options of feed(). */
export type FeedOptions = {
  /** Only operations of this task. Default: of all tasks. */
  readonly task?: string | undefined;
  /**
   * Called when events arrive and when the connection is lost, for example to show whether a page
   * is live.
   */
  readonly onConnection?: ((state: 'live' | 'reconnecting') => void) | undefined;
  /** Ends the feed, which throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Follows all operations by the server's event stream, until `signal` aborts or the loop is left. A
 * broken connection is reopened for ever, each time with a `gap` event. Throws ProblemError when
 * the server refuses, and NetworkError before the first event.
 */
export async function* operationFeed(
  transport: Transport,
  options: FeedOptions,
): AsyncGenerator<FeedEvent> {
  const { task, signal, onConnection } = options;
  const url = transport.address('/events');
  if (task !== undefined) url.searchParams.set('task', task);
  for (let wasLive = false; ;) {
    const response = await opened(transport, { url, signal, wasLive });
    if (response !== null) {
      if (wasLive) yield { type: 'gap', missed: null };
      onConnection?.('live');
      wasLive = true;
      for await (const event of streamEvents(transport, response, signal)) {
        const told = feedEvent(event, url);
        if (told !== null) yield told;
      }
      onConnection?.('reconnecting');
    }
    await transport.clock.sleep(reconnectMs, signal);
    signal?.throwIfAborted();
  }
}

/** null: the server was there before and is away now. */
async function opened(
  transport: Transport,
  p: { readonly url: URL; readonly signal: AbortSignal | undefined; readonly wasLive: boolean },
): Promise<Response | null> {
  const { url, signal, wasLive } = p;
  try {
    const headers = { accept: 'text/event-stream' };
    const response = await transport.download({ method: 'GET', url, headers, signal });
    if (await isEventStream(response)) return response;
    throw notRaincheck(url, response.status);
  } catch (error) {
    const isAway = error instanceof ProblemError && [429, 502, 503, 504].includes(error.status);
    if (wasLive && (error instanceof NetworkError || isAway)) return null;
    throw error;
  }
}

/** null: an event of a kind that we do not know. */
function feedEvent({ event, data }: StreamEvent, url: URL): FeedEvent | null {
  const body: unknown = JSON.parse(data);
  switch (event) {
    case 'operation':
      return { type: 'operation', operation: operationIn({ status: 200, body }, url) };
    case 'tick':
      return { type: 'tick', ...(body as WireFeedTick) };
    case 'gap':
      return { type: 'gap', missed: (body as WireFeedGap).missed };
    default:
      return null;
  }
}
