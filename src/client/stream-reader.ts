import { EventStreamParser, type StreamEvent } from './event-stream.ts';
import type { Transport } from './transport.ts';

/**
 * Three times the server's ping interval. A stream silent for longer is dead, or something on the
 * way buffers it.
 */
const silenceMs = 45_000;
/** The same pause that the server's `retry:` asks for. */
export const reconnectMs = 2_000;

/**
 * The events of one connection, those of one chunk together. Ends when the connection ends, breaks,
 * or is silent for too long. Throws the signal's reason.
 */
export async function* streamEvents(
  transport: Transport,
  response: Response,
  signal: AbortSignal | undefined,
): AsyncGenerator<StreamEvent> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const parser = new EventStreamParser();
  try {
    for (;;) {
      const chunk = await readWithin(transport, reader, signal);
      if (chunk === null) return;
      yield* parser.push(chunk);
    }
  } finally {
    // Not awaited: a stream that broke never answers.
    reader.cancel().catch(() => undefined);
  }
}

/** null: the stream ended, broke, or was silent for too long. Throws the signal's reason. */
async function readWithin(
  transport: Transport,
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | null> {
  const done = new AbortController();
  const silence = transport.clock.sleep(silenceMs, done.signal).then(() => null);
  const reading = reader.read().then(
    ({ value }) => value ?? null,
    () => {
      if (signal?.aborted === true) throw signal.reason;
      // Platforms differ in the error of a broken connection, so it is not looked at; the caller
      // reconnects.
      return null;
    },
  );
  try {
    return await Promise.race([reading, silence]);
  } finally {
    done.abort();
  }
}

/** Whether the answer is an event stream. The body of any other answer is left unread. */
export async function isEventStream(response: Response): Promise<boolean> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) return true;
  await response.body?.cancel();
  return false;
}
