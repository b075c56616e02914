import { formatDuration } from '../core/duration.ts';
import type { WireAttempt, WireOperation } from '../core/wire.ts';
import { wholeSeconds } from './progress-line.ts';
import { safeLine } from './terminal-text.ts';

/** What happened between two looks at an operation, in lines for people. */
export type News = {
  readonly text: string;
  /** Worth keeping on a terminal, above the line that shows the present. */
  readonly lasting: boolean;
};

/** `now` by the server's clock, ms. The end is told by `outcomeText`. */
export function newsOf(
  before: WireOperation | null,
  operation: WireOperation,
  now: number,
): readonly News[] {
  const news: News[] = [];
  const { id } = operation;
  const failed = failedAttempt(before, operation);
  if (failed !== null) {
    const reason = attemptReason(operation, failed);
    const startsIn = Date.parse(operation.ready_at ?? '') - now;
    const next = operation.status === 'pending' ? `, retrying in ${inWords(startsIn)}` : '';
    const counted = `attempt ${failed} of ${operation.attempts_max}`;
    news.push({ text: `${id} ${counted} failed${reason}${next}`, lasting: true });
  } else if (before?.status === 'processing' && operation.status === 'pending') {
    news.push({ text: `${id} pending again: its worker stopped or was lost`, lasting: true });
  }
  if (operation.cancel_requested_at !== null && (before?.cancel_requested_at ?? null) === null) {
    if (!isEnded(operation)) news.push({ text: `${id} cancel requested`, lasting: true });
  }
  const isOther = before?.status !== operation.status || before.attempt !== operation.attempt;
  if (isOther && news.length < 1 + Number(operation.status === 'processing')) {
    const state = stateText(operation, now);
    if (state !== null) news.push({ text: `${id} ${state}`, lasting: false });
  }
  return news;
}

/** The number of an attempt that failed since `before` and was not the last; null when none did. */
function failedAttempt(before: WireOperation | null, operation: WireOperation): number | null {
  if (isEnded(operation)) return null;
  const { attempt } = operation;
  if (operation.status === 'pending' && attempt > 0) {
    const isKnown = before?.status === 'pending' && before.attempt === attempt;
    return isKnown ? null : attempt;
  }
  // The back-off was too short to be seen.
  const missed = before?.status === 'processing' && attempt > before.attempt && before.attempt > 0;
  return missed ? attempt - 1 : null;
}

function attemptReason(operation: WireOperation, number: number): string {
  const { attempts } = operation as { readonly attempts?: readonly WireAttempt[] };
  const error = attempts?.find((attempt) => attempt.number === number)?.error;
  return error === undefined || error === null ? '' : `: ${safeLine(error.detail)}`;
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

function isEnded(operation: WireOperation): boolean {
  return operation.status === 'completed' || operation.status === 'failed';
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
