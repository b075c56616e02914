import { completesAt, retryAfterSeconds, type ExpectedDuration } from '../core/estimate.ts';
import {
  isFinal,
  statusOf,
  type EndedAttempt,
  type Operation,
  type Progress,
} from '../core/operation.ts';
import type { WireAttempt, WireOperationError, WireProgress } from '../core/wire.ts';
import { statusEtag } from './conditional.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { recordedProblem } from './problem.ts';

/** An operation as one moment shows it: the estimate belongs to that moment, so it is taken once. */
export type OperationView = {
  readonly operation: Operation;
  /** In ms, cut to the second, as the ETag is; null: final or unknown. */
  readonly completesAtMs: number | null;
  readonly expected: ExpectedDuration | null;
  /** null once final. */
  readonly retryAfter: string | null;
  /** Attempts that ended without completing the operation; null: not shown here. */
  readonly attempts: readonly EndedAttempt[] | null;
};

const noAttempts: readonly EndedAttempt[] = [];

/** No I/O, shows no attempts: for an operation that has just been accepted. */
export function view(context: HttpContext, operation: Operation): OperationView {
  const final = isFinal(operation.state);
  const expected = final ? null : context.engine.expectedDuration(operation.task);
  const now = final ? 0 : context.engine.clock.now();
  const end = completesAt(operation, expected, now);
  return {
    operation,
    completesAtMs: end === null ? null : end - (end % 1000),
    expected,
    retryAfter: final ? null : String(retryAfterSeconds(operation, expected, now)),
    attempts: noAttempts,
  };
}

/**
 * As a list shows it: without result and attempts, which of 200 operations would be megabytes (limits of 16 KiB
 * and 4 KiB each, but up to 1,000 attempts) in one string.
 */
export function listedJson(context: HttpContext, operation: Operation): string {
  const { result } = operation;
  const listed =
    result === null ? operation : { ...operation, result: { ...result, inline: null } };
  return operationJson(context, { ...view(context, listed), attempts: null });
}

/** As view, with the attempts that ended so far: one more read, only where there can be any. */
export async function viewWithAttempts(
  context: HttpContext,
  operation: Operation,
): Promise<OperationView> {
  if (!mayHaveEndedAttempts(operation)) return view(context, operation);
  const attempts = await context.engine.attempts({ id: operation.id, tenant });
  return { ...view(context, operation), attempts };
}

/** Most operations work at the first try, and their status is read without a second query. */
export function mayHaveEndedAttempts(operation: Operation): boolean {
  const { state, attempt, recoveries } = operation;
  if (state === 'failed' || recoveries > 0) return true;
  return attempt > (statusOf(state) === 'pending' ? 0 : 1);
}

export function statusUrl(context: HttpContext, id: string): string {
  return `${context.basePath}/operations/${id}`;
}

/** Results of a task that is no longer defined stay readable under their operation. */
export function resultUrl(context: HttpContext, operation: Operation): string {
  const task = context.engine.tasks.get(operation.task);
  return task === undefined
    ? `${statusUrl(context, operation.id)}/result`
    : `${context.basePath}${task.path}/${operation.id}`;
}

/**
 * The operation as the JSON text of a WireOperation; an inlined result is put in as the text it is stored as.
 *
 * Written by hand, as every submit and every poll pays for it: 0.7 us against 5.3 us for JSON.stringify of the
 * same object with Date.toISOString (Node 24, one core of a shared machine). What stands between quotes
 * here is of characters that JSON never escapes: ids, states, paths and task names as defineTask allows
 * them. Everything else goes through JSON.stringify. A test holds the text to what JSON.stringify would give.
 */
export function operationJson(context: HttpContext, shown: OperationView): string {
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
    `,"ready_at":${operation.state === 'scheduled' ? `"${iso(operation.readyAt)}"` : 'null'}` +
    `,"deadline_at":${isoJson(operation.deadlineAt)},"priority":${operation.priority}` +
    `,"progress":${operation.progress === null ? 'null' : JSON.stringify(wireProgress(operation.progress))}` +
    `,"estimate":${estimateJson(shown)},"status_url":"${url}"` +
    `,"result_url":${status === 'completed' ? `"${resultUrl(context, operation)}"` : 'null'}` +
    `,"cancel_url":${final ? 'null' : `"${url}/cancel"`},"events_url":"${url}/events"` +
    `,"cancel_requested_at":${isoJson(operation.cancelRequestedAt)}` +
    `,"error":${status === 'failed' ? JSON.stringify(wireError(context, shown)) : 'null'}` +
    attemptsJson(shown) +
    `,"labels":${labelsJson(operation.labels)}` +
    `,"retry_of":${operation.retryOf === null ? 'null' : `"${operation.retryOf}"`}` +
    (result === null || result.inline === null ? '}' : `,"result":${result.inline}}`)
  );
}

function estimateJson({ completesAtMs, expected }: OperationView): string {
  return completesAtMs === null || expected === null
    ? 'null'
    : `{"completes_at":"${iso(completesAtMs)}","basis":"${expected.basis}","samples":${expected.samples}}`;
}

function attemptsJson({ operation, attempts }: OperationView): string {
  if (attempts === null || attempts.length === 0 || operation.state === 'failed') return '';
  return `,"attempts":${JSON.stringify(attempts.map(wireAttempt))}`;
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

function wireError(context: HttpContext, shown: OperationView): WireOperationError {
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

const dayMs = 86_400_000;
/** '2026-06-28T' of the days in use: today, and the day on which what ends today expires. */
const dayTexts = new Map<number, string>();
const dayTextsMax = 64;

/** As Date.toISOString, which costs 1.0 us: 0.15 us, as only the first instant of a day makes a Date. */
export function iso(ms: number): string {
  const day = Math.floor(ms / dayMs);
  const second = Math.floor((ms - day * dayMs) / 1000);
  const minute = Math.floor(second / 60);
  const hour = Math.floor(minute / 60);
  return `${dayText(day)}${two(hour)}:${two(minute - hour * 60)}:${two(second - minute * 60)}.${String(1000 + (ms - day * dayMs - second * 1000)).slice(1)}Z`;
}

function dayText(day: number): string {
  let text = dayTexts.get(day);
  if (text === undefined) {
    if (dayTexts.size === dayTextsMax) dayTexts.clear();
    text = new Date(day * dayMs).toISOString().slice(0, -13);
    dayTexts.set(day, text);
  }
  return text;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

function isoJson(ms: number | null): string {
  return ms === null ? 'null' : `"${iso(ms)}"`;
}

/** A reply whose headers the caller may still add to. */
export type MutableReply = ExchangeReply & { readonly headers: Record<string, string> };

/** The status resource itself (RFC 9110: ETag, Vary); a 202 to a submit is `acceptedReply`. */
export function statusReply(context: HttpContext, shown: OperationView): MutableReply {
  const headers = statusHeaders(shown);
  headers['content-type'] = 'application/json';
  return { status: 200, headers, body: operationJson(context, shown) };
}

export function notModifiedReply(shown: OperationView): MutableReply {
  return { status: 304, headers: statusHeaders(shown), body: null };
}

function statusHeaders(shown: OperationView): Record<string, string> {
  const headers: Record<string, string> = {
    etag: etagOf(shown),
    // `private, no-cache`: a final status may be kept, but is asked for again, as it can be removed.
    'cache-control': shown.retryAfter === null ? 'private, no-cache' : 'no-store',
    vary: 'Accept, Prefer',
  };
  if (shown.retryAfter !== null) headers['retry-after'] = shown.retryAfter;
  return headers;
}

export function etagOf(shown: OperationView): string {
  return statusEtag(shown.operation.version, shown.completesAtMs);
}

/** 202 with the operation: for whatever is not done yet, wherever it was asked. */
export function acceptedReply(context: HttpContext, shown: OperationView): MutableReply {
  return {
    status: 202,
    headers: {
      'content-type': 'application/json',
      location: statusUrl(context, shown.operation.id),
      'retry-after': shown.retryAfter ?? '1',
      'cache-control': 'no-store',
    },
    body: operationJson(context, shown),
  };
}

/** The same for an operation that an earlier request made; it may have failed since, and then shows its attempts. */
export async function replayedReply(
  context: HttpContext,
  operation: Operation,
): Promise<MutableReply> {
  const reply = acceptedReply(context, await viewWithAttempts(context, operation));
  reply.headers['idempotent-replayed'] = 'true';
  return reply;
}
