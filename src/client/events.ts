import type { WireOperation } from '../core/wire-operation.ts';
import { operationIn } from './answered-operation.ts';
import { NetworkError, ProblemError } from './problem.ts';
import { isEventStream, reconnectMs, streamEvents } from './stream-reader.ts';
import { retryDelayMs, type Transport } from './transport.ts';
import { isFinal, waitForFinal } from './wait.ts';

/**
 * A change of an operation. `estimate`: only the time at which it is expected to end has changed.
 * `completed` and `failed` are the last events.
 */
export type OperationEvent = {
  readonly type: 'status' | 'progress' | 'estimate' | 'completed' | 'failed';
  readonly operation: WireOperation;
};

/** After so many streams in a row that brought no event, polling takes over. */
const silentMax = 2;

/**
 * Follows an operation to its final state: by the server's event stream, or by long-polling as
 * wait() does where no stream can be had (an older server, a proxy that buffers it, streams_full).
 * A broken stream is resumed where it was. Ends after the final event. Throws as wait() does:
 * ProblemError, NetworkError, or the signal's reason.
 */
export async function* operationEvents(
  transport: Transport,
  url: URL,
  signal?: AbortSignal,
): AsyncGenerator<OperationEvent> {
  const follower: Follower = { transport, url, signal, lastId: null, seen: null };
  for (let silent = 0; silent < silentMax;) {
    const response = await openStream(follower);
    if (response === null) break;
    if (response.status === 204) return;
    const heard = yield* streamed(follower, response);
    if (follower.seen !== null && isFinal(follower.seen)) return;
    silent = heard ? 0 : silent + 1;
    await transport.clock.sleep(reconnectMs, signal);
    signal?.throwIfAborted();
  }
  yield* polled(follower);
}

type Follower = {
  readonly transport: Transport;
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  lastId: string | null;
  seen: WireOperation | null;
};

/** null: no stream can be had here. */
async function openStream(follower: Follower): Promise<Response | null> {
  const { transport, url, signal, lastId, seen } = follower;
  const headers: Record<string, string> = { accept: 'text/event-stream' };
  if (lastId !== null) headers['last-event-id'] = lastId;
  try {
    const response = await transport.download({ method: 'GET', url, headers, signal });
    return response.status === 204 || (await isEventStream(response)) ? response : null;
  } catch (error) {
    if (error instanceof ProblemError && [406, 503].includes(error.status)) return null;
    // The server was there before, so it is probably being restarted, maybe behind a gateway. Waits
    // outlast that.
    const away = error instanceof NetworkError || retryDelayMs(error, 1) !== null;
    if (away && seen !== null) return null;
    throw error;
  }
}

/** Yields the events of one connection until it ends. Returns whether there were any. */
async function* streamed(
  follower: Follower,
  response: Response,
): AsyncGenerator<OperationEvent, boolean> {
  let heard = false;
  for await (const { id, data } of streamEvents(follower.transport, response, follower.signal)) {
    heard = true;
    follower.lastId = id === '' ? null : id;
    const news = told(follower, operationIn({ status: 200, body: JSON.parse(data) }, follower.url));
    if (news !== null) yield news;
  }
  return heard;
}

/** Yields the states found by long-polling. For a slow reader only the newest state is kept. */
async function* polled(follower: Follower): AsyncGenerator<OperationEvent> {
  const { transport, url } = follower;
  const left = new AbortController();
  const signals = follower.signal === undefined ? [left.signal] : [follower.signal, left.signal];
  let latest: WireOperation | null = null;
  let wake = (): void => undefined;
  const waiting = waitForFinal(transport, url, {
    signal: AbortSignal.any(signals),
    onChange: (operation) => {
      latest = operation;
      wake();
    },
  });
  let over = false;
  const ended = waiting.then(
    () => void (over = true),
    () => void (over = true),
  );
  try {
    for (;;) {
      const operation: WireOperation | null = latest;
      latest = null;
      if (operation !== null) {
        const news = told(follower, operation);
        if (news !== null) yield news;
      } else if (over) {
        await waiting;
        return;
      } else {
        await Promise.race([ended, new Promise<void>((resolve) => (wake = resolve))]);
      }
    }
  } finally {
    left.abort();
  }
}

/** The event that `operation` is, compared with what was seen before; null: nothing changed. */
function told(follower: Follower, operation: WireOperation): OperationEvent | null {
  const before = follower.seen;
  follower.seen = operation;
  if (operation.status === 'completed' || operation.status === 'failed') {
    return { type: operation.status, operation };
  }
  const runsOn =
    before?.status === 'processing' &&
    operation.status === 'processing' &&
    before.attempt === operation.attempt;
  const reported = before?.progress?.updated_at !== operation.progress?.updated_at;
  if (runsOn && reported) return { type: 'progress', operation };
  if (before === null) return { type: 'status', operation };
  const estimated = { ...before, estimate: operation.estimate };
  if (JSON.stringify(estimated) !== JSON.stringify(operation)) return { type: 'status', operation };
  const moved = JSON.stringify(before.estimate) !== JSON.stringify(operation.estimate);
  return moved ? { type: 'estimate', operation } : null;
}
