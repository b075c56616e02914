import { isFinal } from '../client/wait.ts';
import { formatDuration } from '../core/duration.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { wholeSeconds } from './progress-line.ts';
import { stalledText } from './stalled.ts';
import { safeLine } from './terminal-text.ts';

/** A change between two looks at an operation, as a line for people. */
export type News = {
  readonly text: string;
  /** Worth keeping on a terminal, above the line that shows the present. */
  readonly lasting: boolean;
};

/** Tells what is new since `before`; `outcomeText` tells the end. `now` is ms by the server's clock. */
export function newsOf(
  before: WireOperation | null,
  operation: WireOperation,
  now: number,
): readonly News[] {
  const news: News[] = [];
  const { id } = operation;
  for (const attempt of failedAttempts(before, operation)) {
    const reason = attemptReason(operation, attempt);
    const isWaiting = operation.status === 'pending' && attempt === operation.attempt;
    const next = isWaiting ? `, ${retryText(operation, now)}` : '';
    const counted = `attempt ${attempt} of ${operation.attempts_max}`;
    news.push({ text: `${id} ${counted} failed${reason}${next}`, lasting: true });
  }
  if (news.length === 0 && before?.status === 'processing' && operation.status === 'pending') {
    news.push({ text: `${id} pending again: its worker stopped or was lost`, lasting: true });
  }
  const isCancelling = operation.cancel_requested_at !== null && !isFinal(operation);
  if (isCancelling && (before?.cancel_requested_at ?? null) === null) {
    news.push({ text: `${id} cancel requested`, lasting: true });
  }
  const isOther = before?.status !== operation.status || before.attempt !== operation.attempt;
  const isTold = operation.status === 'pending' && news.length > 0;
  const state = isOther && !isTold ? stateText(operation, now) : null;
  if (state !== null) news.push({ text: `${id} ${state}`, lasting: false });
  if (isNewlyStalled(before, operation)) {
    news.push({ text: `${id} waits: ${stalledText(operation)}`, lasting: true });
  }
  return news;
}

/** Whether it has begun since `before` to wait for something that a person must do. */
export function isNewlyStalled(before: WireOperation | null, operation: WireOperation): boolean {
  const text = stalledText(operation);
  return text !== null && (before === null || stalledText(before) !== text);
}

/** Numbers of the attempts that failed since `before`, also those too quick to be seen running. */
function failedAttempts(before: WireOperation | null, operation: WireOperation): number[] {
  const failed = failedSoFar(operation);
  // The first look tells of the latest only, and only while it matters.
  const isRetrying = operation.status === 'pending' && failed > 0;
  const known = before === null ? failed - Number(isRetrying) : failedSoFar(before);
  return Array.from({ length: Math.max(0, failed - known) }, (_, i) => known + 1 + i);
}

/**
 * Between attempts the latest has failed; a running one has not, and outcomeText tells how the last one ended.
 * A lost or handed-back attempt is not counted.
 */
function failedSoFar(operation: WireOperation): number {
  return Math.max(0, operation.attempt - Number(operation.status !== 'pending'));
}

function retryText(operation: WireOperation, now: number): string {
  return `retrying in ${inWords(Date.parse(operation.ready_at ?? '') - now)}`;
}

function attemptReason(operation: WireOperation, number: number): string {
  const known = operation.attempts ?? operation.error?.attempts;
  const error = known?.find((attempt) => attempt.number === number)?.error;
  return error === undefined || error === null
    ? ''
    : `: ${safeLine(error.detail).replace(/\.$/, '')}`;
}

function stateText(operation: WireOperation, now: number): string | null {
  const { status, attempt } = operation;
  if (status === 'processing') {
    return attempt > 1 ? `processing (attempt ${attempt} of ${operation.attempts_max})` : status;
  }
  if (status !== 'pending') return null;
  const startsIn = Date.parse(operation.ready_at ?? '') - now;
  return startsIn > 1_000 ? `pending, starts in ${wholeSeconds(startsIn)}` : status;
}

function inWords(ms: number): string {
  return ms >= 1_000 ? wholeSeconds(ms) : formatDuration(Math.max(0, ms || 0));
}

/** '✔ op_… completed in 4.3 s (3 attempts)', '✖ op_… failed after 12 s: timeout: …'. */
export function outcomeText(operation: WireOperation): string {
  const took = Date.parse(operation.finished_at ?? '') - Date.parse(operation.created_at);
  const attempts = operation.attempt > 1 ? ` (${operation.attempt} attempts)` : '';
  const time = Number.isNaN(took) ? '' : formatDuration(took);
  if (operation.status === 'completed') {
    return `✔ ${operation.id} completed in ${time}${attempts}`;
  }
  const error = operation.error;
  if (error?.code === 'cancelled') return `✖ ${operation.id} cancelled after ${time}`;
  const reason = error === null ? '' : `: ${error.code}: ${safeLine(error.detail || error.title)}`;
  return `✖ ${operation.id} failed after ${time}${attempts}${reason}`;
}
