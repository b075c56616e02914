import type { AttemptResult, DeliveryTimings } from '../core/delivery.ts';
import { asksFor, deliveryAnswer, retryAfterAt } from './answer.ts';
import { BodyTooLong, type Exchanged } from './exchange.ts';
import { errorText, SendFailure } from './send-failure.ts';

/**
 * What an attempt that got an answer means for the delivery and its endpoint; `now` is when it
 * ended.
 */
export function answeredResult(
  status: number,
  exchanged: Exchanged,
  p: { readonly timings: DeliveryTimings; readonly now: number },
): AttemptResult {
  const delivered = status >= 200 && status <= 299;
  const { headers } = exchanged;
  return {
    delivered,
    answer: deliveryAnswer(status, exchanged),
    error: delivered ? null : `http_${status}`,
    detail: bodyDetail(exchanged.error),
    timings: p.timings,
    endpointFault: status >= 500 || status === 429,
    retryAfterAt: retryAfterAt(status, headers, p.now),
    disable: status === 410 ? 'gone' : asksFor(headers, 'disable') ? 'requested' : null,
    abort: !delivered && asksFor(headers, 'abort-message'),
  };
}

/** The same for an attempt without an answer. */
export function failedResult(failure: SendFailure, timings: DeliveryTimings): AttemptResult {
  return {
    delivered: false,
    answer: null,
    error: failure.failure,
    detail: failure.detail,
    timings,
    endpointFault: !failure.isLocal,
    retryAfterAt: null,
    disable: null,
    abort: false,
  };
}

/** The failure of a connection that gave no answer. */
export function exchangeFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  // undici throws this for a status like 000; its message is a line of undici's source.
  if (code === 'ERR_ASSERTION') {
    return new SendFailure('protocol', 'The answer is not HTTP/1.1.', { cause: error });
  }
  // undici gives the same code to a peer that hangs up and to one that answers with 100 or 101
  // unasked.
  const isReset = code !== undefined && resetCodes.has(code) && !message.startsWith('bad ');
  return new SendFailure(isReset ? 'reset' : 'protocol', errorText(error), { cause: error });
}

const resetCodes = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ETIMEDOUT',
  'UND_ERR_SOCKET',
  'UND_ERR_DESTROYED',
]);

/**
 * The status is valid in any case, but a person may want to know why the body in the excerpt is
 * short.
 */
function bodyDetail(error: Error | null): string | null {
  if (error === null) return null;
  if (error instanceof BodyTooLong) return 'The body of the answer is longer than what is read.';
  if (error instanceof SendFailure) return 'The body of the answer did not end in time.';
  return `The answer broke off: ${errorText(error)}`;
}
