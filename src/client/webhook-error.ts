/** Why a delivery was not accepted. */
export const webhookErrorCodes = [
  /** A header is missing, empty or there more than once. */
  'missing_header',
  /** `webhook-timestamp` is no whole number of seconds. */
  'bad_timestamp',
  /** Signed longer ago than the tolerance: sent again by somebody who listened, or this clock is wrong. */
  'too_old',
  'too_new',
  /** No signature fits the body under any of the secrets. */
  'no_match',
  /** A secret is missing or none; the request was not looked at. */
  'bad_secret',
  /** Parsed already, or signed and yet no event. */
  'bad_body',
] as const;
/** One of webhookErrorCodes: missing_header, bad_timestamp, too_old, too_new, no_match, bad_secret or bad_body. */
export type WebhookErrorCode = (typeof webhookErrorCodes)[number];

/** What verifyWebhook throws. `message` is for the receiver's log: it names no secret and quotes no body. */
export class WebhookVerificationError extends Error {
  override readonly name: string = 'WebhookVerificationError';
  readonly code: WebhookErrorCode;
  /** What to answer: 401, or 500 when this program is to be mended. Raincheck sends again after either. */
  readonly status: 401 | 500;

  constructor(code: WebhookErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = code === 'bad_secret' || code === 'bad_body' ? 500 : 401;
  }
}
