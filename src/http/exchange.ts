/**
 * One request and its reply, independent of any transport. Routes see only these. fetch-adapter.ts
 * and node-adapter.ts translate, and one test suite runs through both.
 */
export type ExchangeRequest = {
  /** Upper case. */
  readonly method: string;
  /** The path as sent, still percent-encoded, without the query. */
  readonly path: string;
  /** The query without the '?'; '' when there is none. */
  readonly query: string;
  /** The value of a header by its lower-case name. Repeated headers are joined by ', '. */
  header(name: string): string | undefined;
  /** All headers, with lower-case names. Repeated ones are joined as in `header`. */
  headers(): Iterable<readonly [name: string, value: string]>;
  /**
   * Reads the whole body. Rejects with `payload_too_large` as soon as more than `maxBytes` are
   * announced or seen. May be called at most once.
   */
  body(maxBytes: number): Promise<Uint8Array>;
  /**
   * Scheme, host and port that the client used, as far as the request shows; null when it shows
   * none that may safely be put into an address.
   */
  readonly origin: string | null;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
};

/** The reply to a request. */
export type ExchangeReply = {
  readonly status: number;
  /** Headers with lower-case names. For text and bytes the adapter adds Content-Length. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is read once, to its end or until the client goes away. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | null;
};
