import type { WireOperation } from '../core/wire-operation.ts';
import type { WireFeedGap, WireFeedTick } from '../core/wire-server.ts';
import { notRaincheck, operationIn } from './answered-operation.ts';
import type { StreamEvent } from './event-stream.ts';
import { NetworkError, ProblemError } from './problem.ts';
import { isEventStream, reconnectMs, streamEvents } from './stream-reader.ts';
import type { Transport } from './transport.ts';

/** What happens to all operations, as client.feed() tells it. */
export type FeedEvent =
  /** It was accepted or has changed: as a list shows it, without its result. */
  | { readonly type: 'operation'; readonly operation: WireOperation }
  /** Every 2 s, and first of all: how many operations there are in each status. */
  | ({ readonly type: 'tick' } & WireFeedTick)
  /** At least so many changes were not told; null: the connection was lost, nobody knows. List what has to be exact. */
  | { readonly type: 'gap'; readonly missed: number | null };

/** What feed() takes. */
export type FeedOptions = {
  /** Only operations of this task. Default: of all. */
  readonly task?: string | undefined;
  /** Told when events come and when the connection is lost, for a light that says whether what is shown is live. */
  readonly onConnection?: ((state: 'live' | 'reconnecting') => void) | undefined;
  /** Ends the feed with its reason. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Follows all operations by the server's event stream, until `signal` aborts or the loop is left: a connection that
 * breaks is taken up again for ever, with a gap told. Throws ProblemError, what the server says no with, and before
 * the first event NetworkError.
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

/** null: the server is away, and was there before. */
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

/** null: of a kind that we do not know. */
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
