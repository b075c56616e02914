import type { Dispatcher } from 'undici';
import { limits } from '../core/limits.ts';
import type { Connection } from './connection.ts';

export type ExchangeRequest = {
  readonly method: 'POST' | 'OPTIONS';
  /** Path and query. */
  readonly path: string;
  /** Name, value, name, value … */
  readonly headers: readonly string[];
  /** null: none. */
  readonly body: Buffer | null;
};

/** What came back over the connection, complete or not. */
export type Exchanged = {
  /** null: no final status came. */
  readonly status: number | null;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first limits.deliveryExcerptBytes of the body. */
  readonly excerpt: Buffer;
  /** Bytes of the body that came, up to limits.deliveryResponseBytes and the rest of one chunk. */
  readonly bodyBytes: number;
  /** Whether any byte of an answer came, also of an interim one. */
  readonly hasStarted: boolean;
  readonly firstByteMs: number | null;
  /**
   * Why the answer is incomplete; null when it is complete. Otherwise the connection cannot be
   * reused.
   */
  readonly error: Error | null;
};

const noBytes = Buffer.alloc(0);

/** Concerns the body only: status and headers are valid. */
export class BodyTooLong extends Error {
  override readonly name = 'BodyTooLong';
}

/**
 * Sends one request and reads the answer, at most limits.deliveryResponseBytes of its body, never
 * decompressed. `ended` is called once, when the answer is complete or will never be.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #connection: Connection;
  readonly #ended: (exchanged: Exchanged) => void;
  readonly #startedAt = performance.now();
  readonly #chunks: Buffer[] = [];
  #status: number | null = null;
  #headers: Exchanged['headers'] = {};
  #bodyBytes = 0;
  #firstByteMs: number | null = null;
  #isOver = false;

  constructor(connection: Connection, ended: (exchanged: Exchanged) => void) {
    this.#connection = connection;
    this.#ended = ended;
  }

  start(request: ExchangeRequest): void {
    this.#connection.begin();
    const { method, path, body } = request;
    const headers = request.headers as string[];
    try {
      this.#connection.client.dispatch({ method, path, headers, body }, this);
    } catch (error) {
      this.cut(error as Error);
    }
  }

  /** Ends it now with what has come; the connection is closed. */
  cut(reason: Error): void {
    if (this.#isOver) return;
    this.#end(reason);
    this.#connection.close(reason);
  }

  // Called by undici:

  onRequestStart(): void {}

  onResponseStarted(): void {
    this.#firstByteMs ??= performance.now() - this.#startedAt;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Exchanged['headers'],
  ): void {
    if (status < 200) return;
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = limits.deliveryExcerptBytes - this.#bodyBytes;
    // Copied, because the parser's buffer is larger and is reused.
    if (room > 0) this.#chunks.push(Buffer.from(chunk.subarray(0, room)));
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > limits.deliveryResponseBytes) this.cut(new BodyTooLong());
  }

  onResponseEnd(): void {
    this.#end(null);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended({
      status: this.#status,
      headers: this.#headers,
      excerpt: this.#chunks.length === 0 ? noBytes : Buffer.concat(this.#chunks),
      bodyBytes: this.#bodyBytes,
      hasStarted: this.#firstByteMs !== null,
      firstByteMs: this.#firstByteMs,
      error,
    });
  }
}
