import { RaincheckError } from '../core/errors.ts';
import type { App } from './app.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';

export type FetchHandler = (request: Request) => Promise<Response>;

/** The app as a web-standard handler, for Hono, Next, Bun, Deno and tests. Never rejects. */
export function fetchHandler(app: App): FetchHandler {
  return async (request) => {
    const reply = await app.handle(new FetchRequest(request));
    try {
      return toResponse(reply);
    } catch (error) {
      // The platform refuses a header of the reply.
      return toResponse(app.problem(error));
    }
  };
}

function toResponse(reply: ExchangeReply): Response {
  const { status, body } = reply;
  const headers = new Headers(reply.headers);
  const init = { status, headers };
  if (body === null) return new Response(null, init);
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    return new Response(toStream(body), init);
  }
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  headers.set('content-length', String(bytes.byteLength));
  return new Response(bytes as Uint8Array<ArrayBuffer>, init);
}

/**
 * Pulled, so that at most one chunk waits for a slow reader; cancelled when the reader goes away.
 */
function toStream(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const next = await chunks.next();
      if (next.done === true) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}

class FetchRequest implements ExchangeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly origin: string;
  readonly #request: Request;

  constructor(request: Request) {
    this.#request = request;
    const url = new URL(request.url);
    this.method = request.method;
    this.path = url.pathname;
    this.query = url.search.slice(1);
    this.origin = url.origin;
  }

  header(name: string): string | undefined {
    return this.#request.headers.get(name) ?? undefined;
  }

  headers(): Iterable<readonly [string, string]> {
    return this.#request.headers.entries();
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  async body(maxBytes: number): Promise<Uint8Array> {
    const announced = Number(this.#request.headers.get('content-length') ?? 0);
    if (announced > maxBytes) throw tooLarge(maxBytes);
    const stream = this.#request.body;
    if (stream === null) return new Uint8Array(0);
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes); // leaving the loop cancels the stream
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  }
}

function tooLarge(maxBytes: number): RaincheckError {
  return new RaincheckError('payload_too_large', `The body is larger than ${maxBytes} bytes.`);
}
