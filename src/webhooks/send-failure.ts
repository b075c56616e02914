/**
 * Why an attempt got no answer: the `error` of a DeliveryAttempt. An attempt with an answer has
 * `http_NNN` instead.
 */
export type SendFailureClass =
  | 'blocked_address'
  | 'dns'
  | 'connect_refused'
  | 'connect_timeout'
  | 'reset'
  | 'tls'
  | 'timeout'
  | 'protocol';

/** How an attempt ends without an answer. */
export class SendFailure extends Error {
  override readonly name = 'SendFailure';
  readonly failure: SendFailureClass;
  /** For operators; null for a blocked address, about which nothing is disclosed. */
  readonly detail: string | null;
  /**
   * Whether the cause is on our side (the attempt was called off, no sockets are left), so that it
   * says nothing about the endpoint.
   */
  readonly isLocal: boolean;

  constructor(
    failure: SendFailureClass,
    detail: string | null,
    options: { readonly cause?: unknown; readonly isLocal?: boolean } = {},
  ) {
    super(detail ?? failure, { cause: options.cause });
    this.failure = failure;
    this.detail = detail;
    this.isLocal = options.isLocal ?? false;
  }
}

/**
 * `CODE: message` of an error from a system call, OpenSSL or the HTTP parser. It is cut, because a
 * peer may influence it.
 */
export function errorText(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  const text = code === undefined ? error.message : `${code}: ${error.message}`;
  return text.slice(0, errorTextChars);
}

const errorTextChars = 300;
