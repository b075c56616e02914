import { hash } from 'node:crypto';
import {
  isFinal,
  statusOf,
  type EndedAttempt,
  type Operation,
  type Progress,
} from '../core/operation.ts';
import type { OperationEstimate } from '../core/operation-estimate.ts';
import type { WireAttempt, WireOperationError, WireProgress } from '../core/wire-operation.ts';
import { statusEtag } from './conditional.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { iso, isoJson, isoOrNull } from './iso.ts';
import { operationDelivery, wireOperationWebhook, type ShownDelivery } from './webhook-wire.ts';
import { recordedProblem } from './problem.ts';

/** An operation as shown at one moment. Its estimate belongs to that moment, so it is read once. */
export type ShownOperation = {
  readonly operation: Operation;
  /** null once the operation is final. */
  readonly estimate: OperationEstimate | null;
  /**
   * Attempts that ended without completing the operation. null: shown as in a list, without
   * attempts and webhook.
   */
  readonly attempts: readonly EndedAttempt[] | null;
  /**
   * The delivery of the end to the address named by the request; null: none is asked for, or none
   * exists yet.
   */
  readonly delivery: ShownDelivery | null;
};

const noAttempts: readonly EndedAttempt[] = [];

/** An operation that has just been accepted, as shown: no I/O, no attempts, no delivery. */
export function shownOperation(context: HttpContext, operation: Operation): ShownOperation {
  const estimate = context.engine.estimate(operation);
  return { operation, estimate, attempts: noAttempts, delivery: null };
}

/**
 * An operation as lists show it. Results and attempts are left out, since those of 200 operations
 * could be megabytes in one string (16 KiB and 4 KiB each, but up to 1,000 attempts); so is the
 * webhook, which would take 200 more reads.
 */
export function listedJson(context: HttpContext, operation: Operation): string {
  const { result } = operation;
  const listed =
    result === null ? operation : { ...operation, result: { ...result, inline: null } };
  return operationJson(context, { ...shownOperation(context, listed), attempts: null });
}

/** As shownOperation, with the ended attempts and the delivery. It reads them only where there can be any. */
export async function wholeOperation(
  context: HttpContext,
  operation: Operation,
): Promise<ShownOperation> {
  const [attempts, delivery] = await Promise.all([
    mayHaveEndedAttempts(operation)
      ? context.engine.attempts({ id: operation.id, tenant })
      : noAttempts,
    mayHaveDelivery(operation) ? operationDelivery(context, operation.id) : null,
  ]);
  return { ...shownOperation(context, operation), attempts, delivery };
}

/** Whether wholeOperation would show more than shownOperation. */
export function needsMoreReads(operation: Operation): boolean {
  return mayHaveEndedAttempts(operation) || mayHaveDelivery(operation);
}

function mayHaveDelivery(operation: Operation): boolean {
  return operation.webhook !== null && isFinal(operation.state);
}

/** Most operations work at the first attempt, so their status is read without a second query. */
function mayHaveEndedAttempts(operation: Operation): boolean {
  const { state, attempt, recoveries } = operation;
  if (state === 'failed' || recoveries > 0) return true;
  return attempt > (statusOf(state) === 'pending' ? 0 : 1);
}

export function statusUrl(context: HttpContext, id: string): string {
  return `${context.basePath}/operations/${id}`;
}

/**
 * Address of the result. Results of a task that is no longer defined stay readable below their
 * operation.
 */
export function resultUrl(context: HttpContext, operation: Operation): string {
  const task = context.engine.tasks.get(operation.task);
  return task === undefined
    ? `${statusUrl(context, operation.id)}/result`
    : `${context.basePath}${task.path}/${operation.id}`;
}

/**
 * The operation as the JSON text of a WireOperation. An inlined result is inserted as the text that
 * is stored.
 *
 * Written by hand, since every submit and every poll pays for it: 0.7 us against 5.3 us for
 * JSON.stringify of the same object with Date.toISOString (Node 24, one core of a shared machine).
 * Values put between quotes here contain only characters that JSON never escapes: ids, states,
 * paths, and task names as defineTask allows them. Everything else goes through JSON.stringify. A
 * test compares the text with that of JSON.stringify.
 */
export function operationJson(context: HttpContext, shown: ShownOperation): string {
  const { operation } = shown;
  const { id, result } = operation;
  const status = statusOf(operation.state);
  const url = statusUrl(context, id);
  const final = status === 'completed' || status === 'failed';
  return (
    `{"id":"${id}","operation_id":"${id}","task":"${operation.task}","status":"${status}"` +
    `,"created_at":"${iso(operation.createdAt)}","started_at":${isoJson(operation.startedAt)}` +
    `,"finished_at":${isoJson(operation.finishedAt)},"expires_at":${isoJson(operation.expiresAt)}` +
    `,"attempt":${operation.attempt},"attempts_max":${operation.attemptsMax}` +
    `,"attempt_started_at":${isoJson(operation.attemptStartedAt)}` +
    `,"ready_at":${operation.state === 'scheduled' ? `"${iso(operation.readyAt)}"` : 'null'}` +
    `,"deadline_at":${isoJson(operation.deadlineAt)},"priority":${operation.priority}` +
    `,"progress":${operation.progress === null ? 'null' : JSON.stringify(wireProgress(operation.progress))}` +
    `,"estimate":${estimateJson(shown.estimate)},"status_url":"${url}"` +
    `,"result_url":${status === 'completed' ? `"${resultUrl(context, operation)}"` : 'null'}` +
    `,"cancel_url":${final ? 'null' : `"${url}/cancel"`},"events_url":"${url}/events"` +
    `,"cancel_requested_at":${isoJson(operation.cancelRequestedAt)}` +
    `,"error":${status === 'failed' ? JSON.stringify(wireError(context, shown)) : 'null'}` +
    attemptsJson(shown) +
    `,"labels":${labelsJson(operation.labels)}` +
    `,"retry_of":${operation.retryOf === null ? 'null' : `"${operation.retryOf}"`}` +
    webhookJson(context, shown) +
    (result === null || result.inline === null ? '}' : `,"result":${result.inline}}`)
  );
}

function estimateJson(estimate: OperationEstimate | null): string {
  if (estimate === null) return 'null';
  const { startsAt, completesAt, completesBy, queuePosition, basis, samples, reason } = estimate;
  return (
    `{"starts_at":${isoJson(startsAt)},"completes_at":${isoJson(completesAt)}` +
    `,"completes_by":${isoJson(completesBy)},"queue_position":${queuePosition}` +
    `,"basis":"${basis}","samples":${samples},"confidence":"${estimate.confidence}"` +
    (estimate.longerThanUsual ? ',"longer_than_usual":true' : '') +
    (reason === null ? '}' : `,"reason":"${reason}"}`)
  );
}

function attemptsJson({ operation, attempts }: ShownOperation): string {
  if (attempts === null || attempts.length === 0 || operation.state === 'failed') return '';
  return `,"attempts":${JSON.stringify(attempts.map(wireAttempt))}`;
}

function webhookJson(context: HttpContext, shown: ShownOperation): string {
  if (shown.attempts === null) return '';
  return shown.operation.webhook === null
    ? ',"webhook":null'
    : `,"webhook":${JSON.stringify(wireWebhook(context, shown))}`;
}

function wireWebhook(context: HttpContext, { operation, delivery }: ShownOperation) {
  const { webhook, state } = operation;
  return webhook && wireOperationWebhook(context, webhook, { final: isFinal(state), delivery });
}

function labelsJson(labels: Operation['labels']): string {
  for (const _ in labels) return JSON.stringify(labels);
  return '{}';
}

function wireProgress(progress: Progress): WireProgress {
  return {
    fraction: progress.fraction,
    message: progress.message,
    current: progress.current,
    total: progress.total,
    updated_at: iso(progress.updatedAt),
  };
}

export function wireError(context: HttpContext, shown: ShownOperation): WireOperationError {
  const { type, title, status, detail } = recordedProblem(context.basePath, shown.operation);
  const code = shown.operation.error?.code ?? 'task_error';
  const { attempts } = shown;
  return {
    type,
    title,
    status,
    detail,
    code,
    ...(attempts !== null && { attempts: attempts.map(wireAttempt) }),
  };
}

function wireAttempt(attempt: EndedAttempt): WireAttempt {
  return {
    number: attempt.number,
    outcome: attempt.outcome,
    started_at: iso(attempt.startedAt),
    ended_at: iso(attempt.endedAt),
    error: attempt.error && { code: attempt.error.code, detail: attempt.error.detail },
    retry_at: isoOrNull(attempt.retryAt),
  };
}

/** A reply whose headers the caller may still add to. */
export type MutableReply = ExchangeReply & { readonly headers: Record<string, string> };

/** The status resource itself (RFC 9110: ETag, Vary). The 202 of a submit is `acceptedReply`. */
export function statusReply(context: HttpContext, shown: ShownOperation): MutableReply {
  const headers = statusHeaders(context, shown);
  headers['content-type'] = 'application/json';
  return { status: 200, headers, body: operationJson(context, shown) };
}

export function notModifiedReply(context: HttpContext, shown: ShownOperation): MutableReply {
  return { status: 304, headers: statusHeaders(context, shown), body: null };
}

function statusHeaders(context: HttpContext, shown: ShownOperation): Record<string, string> {
  const headers: Record<string, string> = {
    etag: etagOf(context, shown),
    // `private, no-cache`: a final status may be cached but must be revalidated, because it can be
    // removed.
    'cache-control': isFinal(shown.operation.state) ? 'private, no-cache' : 'no-store',
    vary: 'Accept, Prefer',
  };
  return withRetryAfter(context, shown.operation, headers);
}

/**
 * Adds when to ask again: `Retry-After` in whole seconds, rounded up, and `retry-after-ms` for
 * clients that know it. Adds nothing once the operation is final. Takes a place in the poll budget,
 * so call it only for answers that are sent.
 */
export function withRetryAfter(
  context: HttpContext,
  operation: Operation,
  headers: Record<string, string>,
): Record<string, string> {
  const wait = context.engine.pollWait(operation);
  if (wait === null) return headers;
  headers['retry-after'] = String(wait.seconds);
  headers['retry-after-ms'] = String(wait.ms);
  return headers;
}

/**
 * The ETag of a status. A delivery goes on after the version of its operation has stopped changing,
 * and its reason to wait may depend on its endpoint, so then the tag covers what is shown. That
 * rare case may cost a digest (64 bits are plenty for one operation).
 */
export function etagOf(context: HttpContext, shown: ShownOperation): string {
  const { operation, estimate, delivery } = shown;
  if (delivery === null) return statusEtag(operation.version, estimate);
  const digest = hash('sha256', JSON.stringify(wireWebhook(context, shown)), 'hex').slice(0, 16);
  return statusEtag(operation.version, estimate, digest);
}

/** 202 with the operation, for every answer about an unfinished one. */
export function acceptedReply(context: HttpContext, shown: ShownOperation): MutableReply {
  const { operation } = shown;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    location: statusUrl(context, operation.id),
    'retry-after': '1', // for a replay that is final, whose status is there at once
    'cache-control': 'no-store',
  };
  withRetryAfter(context, operation, headers);
  return { status: 202, headers, body: operationJson(context, shown) };
}

/**
 * The same 202 for an operation that an earlier request made. It may have failed since, and then
 * shows its attempts.
 */
export async function replayedReply(
  context: HttpContext,
  operation: Operation,
): Promise<MutableReply> {
  const reply = acceptedReply(context, await wholeOperation(context, operation));
  reply.headers['idempotent-replayed'] = 'true';
  return reply;
}
