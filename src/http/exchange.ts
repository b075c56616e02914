/**
 * One request and its reply, free of any transport. Routes see only these; fetch-adapter.ts and
 * node-adapter.ts translate, and one suite runs through both.
 */
export type ExchangeRequest = {
  /** Upper case. */
  readonly method: string;
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string;
  /** After the '?', without it; '' when there is none. */
  readonly query: string;
  /** The value of a header by its lower-case name; several joined by ', '. */
  header(name: string): string | undefined;
  /** All of them, with lower-case names; what came several times is joined as in `header`. */
  headers(): Iterable<readonly [name: string, value: string]>;
  /**
   * The whole body. Rejects with `payload_too_large` as soon as more than `maxBytes` are announced or seen.
   * Called at most once.
   */
  body(maxBytes: number): Promise<Uint8Array>;
  /**
   * Scheme, host and port that the client used, as far as the request tells; null when it tells none that can be
   * trusted in an address.
   */
  readonly origin: string | null;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
};

/** What is answered. */
export type ExchangeReply = {
  readonly status: number;
  /** Lower-case names. Content-Length is added by the adapter for text and bytes. */
  readonly headers: Readonly<Record<string, string>>;
  /** A stream is read once, to its end or until the client goes away. */
  readonly body: string | Uint8Array | AsyncIterable<Uint8Array> | null;
};
