import type { WireLogLine, WireLogPage, WireOperation } from '../core/wire-operation.ts';
import { objectIn, operationIn } from './answered-operation.ts';
import { NetworkError, ProblemError } from './problem.ts';
import { isEventStream, reconnectMs, streamEvents } from './stream-reader.ts';
import type { Transport } from './transport.ts';
import { isFinal } from './wait.ts';

/** The options of logs(). */
export type LogsOptions = {
  /**
   * The number of the last line that is known already. Default 0, which starts with the first line
   * that is kept.
   */
  readonly after?: number | undefined;
  /** Whether to go on until the operation ends. Default: only the lines that exist now. */
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
};

type Reader = {
  readonly transport: Transport;
  /** Address of the operation. */
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  after: number;
};

/** After so many streams in a row that brought no event, polling takes over. */
const silentMax = 2;

/**
 * The lines that the handlers of an operation wrote, in order, each once. To follow, it reads the
 * server's event stream, resumes a broken one where it was, and polls where there is none. Throws
 * ProblemError, NetworkError, or the signal's reason.
 */
export async function* operationLogs(
  transport: Transport,
  url: URL,
  options: LogsOptions = {},
): AsyncGenerator<WireLogLine> {
  const { signal, follow = false, after = 0 } = options;
  const reader: Reader = { transport, url, signal, after };
  yield* linesNow(reader);
  if (!follow) return;
  for (let silent = 0; silent < silentMax;) {
    const response = await openStream(reader);
    if (response === null) break;
    const { heard, ended } = yield* streamed(reader, response);
    if (ended) return;
    silent = heard ? 0 : silent + 1;
    await transport.clock.sleep(reconnectMs, signal);
    signal?.throwIfAborted();
  }
  yield* polled(reader);
}

/** Page by page, until there are no more for now. */
async function* linesNow(reader: Reader): AsyncGenerator<WireLogLine> {
  const { transport, url, signal } = reader;
  for (;;) {
    const address = new URL(`${url.origin}${url.pathname}/logs?after=${reader.after}`);
    const answer = await transport.request({ method: 'GET', url: address, signal });
    const { lines } = objectIn<WireLogPage>(answer, address, 'lines');
    if (lines.length === 0) return;
    yield* linesOf(reader, lines);
  }
}

function* linesOf(reader: Reader, lines: readonly WireLogLine[]): Generator<WireLogLine> {
  for (const line of lines) {
    if (line.number <= reader.after) continue;
    reader.after = line.number;
    yield line;
  }
}

/** null: no stream can be had here. */
async function openStream({ transport, url, signal, after }: Reader): Promise<Response | null> {
  const query = `logs=1&logs_after=${after}`;
  const address = new URL(`${url.origin}${url.pathname}/events?${query}`);
  const headers = { accept: 'text/event-stream' };
  try {
    const response = await transport.download({ method: 'GET', url: address, headers, signal });
    return (await isEventStream(response)) ? response : null;
  } catch (error) {
    // The server is full or restarting; it answered a moment ago.
    const isAway = error instanceof ProblemError && [406, 502, 503, 504].includes(error.status);
    if (isAway || error instanceof NetworkError) return null;
    throw error;
  }
}

/**
 * Yields the lines of one connection. Returns whether any event came, and whether the operation has
 * ended.
 */
async function* streamed(
  reader: Reader,
  response: Response,
): AsyncGenerator<WireLogLine, { readonly heard: boolean; readonly ended: boolean }> {
  const { transport, url, signal } = reader;
  let heard = false;
  for await (const { event, data } of streamEvents(transport, response, signal)) {
    heard = true;
    if (event === 'log') {
      const body: unknown = JSON.parse(data);
      yield* linesOf(reader, objectIn<WireLogPage>({ status: 200, body }, url, 'lines').lines);
    } else if (event === 'completed' || event === 'failed') {
      return { heard, ended: true };
    }
  }
  return { heard, ended: false };
}

async function* polled(reader: Reader): AsyncGenerator<WireLogLine> {
  const { transport, url, signal } = reader;
  for (;;) {
    // Read before the lines: if the operation is final now, all of its lines exist.
    const operation: WireOperation = operationIn(
      await transport.request({ method: 'GET', url, signal }),
      url,
    );
    yield* linesNow(reader);
    if (isFinal(operation)) return;
    await transport.clock.sleep(reconnectMs, signal);
    signal?.throwIfAborted();
  }
}
