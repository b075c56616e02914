import { formatDuration } from '../core/duration.ts';
import type { WireDelivery, WireDeliveryAttempt } from '../core/wire-webhook.ts';
import { nameColumns, printRows } from './listing.ts';
import { wholeSeconds } from './progress-line.ts';
import type { Context } from './context.ts';
import { cutTo, safeLine } from './terminal-text.ts';

/** How a delivery stands. Instants are told by the server's clock. */
type DeliveryStanding = {
  readonly state: string;
  readonly attempts: number;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly next_attempt_at: string | null;
  readonly next_attempt_reason: string | null;
};

/** 'pending after 2 attempts (http_500), next attempt in 28 s: schedule step 2 ±20 %'. */
export function deliveryStateText(delivery: DeliveryStanding, now: number): string {
  const { attempts } = delivery;
  const tried = attempts === 0 ? '' : ` after ${attempts} attempt${attempts === 1 ? '' : 's'}`;
  const last = lastText(delivery);
  const wait = waitText(delivery, now);
  return `${delivery.state}${tried}${last === '' ? '' : ` (${last})`}${wait === '' ? '' : `, ${wait}`}`;
}

/** The latest outcome in a word: 'http_500', 'timeout', '204'; '' when there was none. */
export function lastText(p: Pick<DeliveryStanding, 'last_status' | 'last_error'>): string {
  return p.last_error ?? (p.last_status === null ? '' : String(p.last_status));
}

/** When something is sent next, short: '28 s', 'now'; '' when no instant is known. `waitText` says why. */
export function nextText({ next_attempt_at: at }: { next_attempt_at: string | null }, now: number) {
  if (at === null) return '';
  const inMs = Date.parse(at) - now;
  return inMs < 500 ? 'now' : wholeSeconds(inMs);
}

/** When something is sent next, and why then: 'next attempt in 28 s: circuit open …'; '' when nothing waits. */
export function waitText(
  p: Pick<DeliveryStanding, 'next_attempt_at' | 'next_attempt_reason'>,
  now: number,
): string {
  const { next_attempt_at: at, next_attempt_reason: reason } = p;
  if (at === null) return reason ?? '';
  const next = nextText(p, now);
  const when = next === 'now' ? 'next attempt now' : `next attempt in ${next}`;
  return reason === null ? when : `${when}: ${reason}`;
}

/** 'delivered: 204 in 12 ms', 'failed: http_500 in 3 ms (redrive)'. */
export function attemptText(attempt: WireDeliveryAttempt): string {
  const { outcome, error, status, detail, timings } = attempt;
  const trigger = attempt.trigger === 'schedule' ? '' : ` (${attempt.trigger})`;
  if (outcome === 'sending') return `under way${trigger}`;
  if (outcome === 'unknown') return 'unknown: the worker was lost; the receiver may have it';
  const result = error ?? (status === null ? 'no answer' : String(status));
  const time = timings === null ? '' : ` in ${formatDuration(timings.total_ms)}`;
  const more = detail === null || detail === '' ? '' : ` (${detail.replace(/\.$/, '')})`;
  return `${outcome}: ${result}${more}${time}${trigger}`;
}

export function ageText(instant: string, now: number): string {
  return wholeSeconds(now - Date.parse(instant));
}

/** 'completed' for operation.completed: all but tests are of an operation. */
export function eventName(event: string): string {
  return event.replace(/^(?:operation|webhook)\./, '');
}

/** The address for columns: https goes without saying. */
export function shortUrl(url: string): string {
  return url.replace(/^https:\/\//, '');
}

/** '42 s', '3 h': its largest unit, for columns. */
export function briefly(text: string): string {
  return text.split(' ', 2).join(' ');
}

/** A delivery with its attempts, for people; with --json as one object. */
export async function showDelivery(context: Context, id: string): Promise<void> {
  const { client, output, transport } = context;
  const [delivery, attempts] = await Promise.all([
    client.webhooks.delivery(id),
    client.webhooks.attempts(id),
  ]);
  if (output.json) return output.resultJson({ delivery, attempts });
  const now = transport.serverNow();
  printRows(context, [
    ['delivery', delivery.id],
    ['event', delivery.event],
    ['state', deliveryStateText(delivery, now)],
    ['operation', delivery.operation_id],
    ['endpoint', delivery.endpoint_id],
    ['sent to', delivery.url],
    ['created', `${delivery.created_at} (${ageText(delivery.created_at, now)} ago)`],
    ['finished', finishedText(delivery, now)],
    [delivery.finished_at === null ? 'expires' : 'kept until', endText(delivery)],
    ...attempts.flatMap((one) => attemptRows(context, one, now)),
    ['headers', headersText(delivery)],
    ['body', bodyText(context, delivery)],
  ]);
}

function finishedText({ finished_at: at }: WireDelivery, now: number): string | null {
  return at === null ? null : `${at} (${ageText(at, now)} ago)`;
}

function endText(delivery: WireDelivery): string | null {
  return delivery.finished_at === null ? delivery.expires_at : delivery.kept_until;
}

/** Rows of an attempt: how it went, when, what came back, when the next one was planned then, and why. */
function attemptRows(context: Context, attempt: WireDeliveryAttempt, now: number) {
  const { started_at: at, next_attempt_at: next, next_attempt_reason: reason } = attempt;
  const plan = [next, reason].filter((part) => part !== null).join(': ');
  return [
    [`attempt ${attempt.number}`, attemptText(attempt)],
    ['  began', `${at} (${ageText(at, now)} ago)`],
    ['  answer', answerText(context, attempt)],
    ['  next', plan === '' ? null : plan],
  ] as const;
}

function answerText(context: Context, attempt: WireDeliveryAttempt): string | null {
  const excerpt = attempt.answer?.excerpt ?? null;
  if (excerpt === null || ('text' in excerpt && excerpt.text === '')) return null;
  return seenText(context, 'text' in excerpt ? excerpt.text : `(no text) ${excerpt.base64}`);
}

function bodyText(context: Context, { request }: WireDelivery): string | null {
  return request === undefined ? null : seenText(context, request.body);
}

/** On a terminal its beginning: nobody reads a wall of JSON. In a pipe and with --json all of it. */
function seenText({ output }: Context, text: string): string {
  if (!output.resultIsSeen) return text;
  return cutTo(safeLine(text), (process.stdout.columns || 80) - nameColumns);
}

function headersText({ request }: WireDelivery): string | null {
  const names = request?.header_names ?? [];
  return names.length === 0 ? null : `${names.join(', ')} (values are never shown)`;
}
