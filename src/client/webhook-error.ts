/** Reasons why a delivery was not accepted. */
export const webhookErrorCodes = [
  /** A header is missing, empty or present more than once. */
  'missing_header',
  /** `webhook-timestamp` is not a whole number of seconds. */
  'bad_timestamp',
  /**
   * Signed longer ago than the tolerance: somebody replays an old delivery, or this clock is wrong.
   */
  'too_old',
  'too_new',
  /** No signature fits the body under any of the secrets. */
  'no_match',
  /** A secret is missing or malformed. The request was not looked at. */
  'bad_secret',
  /** The body was parsed already, or it is signed but is not an event. */
  'bad_body',
] as const;
/** One of webhookErrorCodes: missing_header, bad_timestamp, too_old, too_new, no_match, bad_secret or bad_body. */
export type WebhookErrorCode = (typeof webhookErrorCodes)[number];

/**
 * The error of verifyWebhook(). `message` is for the receiver's log; it contains no secret and
 * nothing of the body.
 */
export class WebhookVerificationError extends Error {
  override readonly name: string = 'WebhookVerificationError';
  readonly code: WebhookErrorCode;
  /**
   * The status to answer with: 401, or 500 when the receiving program must be fixed. Raincheck
   * tries again after either.
   */
  readonly status: 401 | 500;

  constructor(code: WebhookErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = code === 'bad_secret' || code === 'bad_body' ? 500 : 401;
  }
}
