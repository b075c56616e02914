import { NetworkError, OperationFailed, ProblemError, WaitTimeout } from '../client/problem.ts';
import { RaincheckError } from '../core/errors.ts';

/** Exit codes of the process: the one table that --help, docs/cli.md and the code share. */
export const exitCodes = {
  ok: { code: 0, meaning: 'done' },
  error: { code: 1, meaning: 'something else went wrong, such as a server that cannot be reached' },
  usage: {
    code: 2,
    meaning:
      'the command line, the settings or the input are wrong (HTTP 400, 413, 415, 422), or what is to be retried completed',
  },
  failed: { code: 3, meaning: 'the operation failed, or the test of a webhook endpoint' },
  auth: { code: 4, meaning: 'the token is missing, wrong or not allowed to do this (401, 403)' },
  notFound: {
    code: 5,
    meaning: 'no such task, operation, endpoint or delivery, or it has expired (404, 410)',
  },
  timedOut: {
    code: 6,
    meaning: 'the operation ran out of time: timeout, queue_timeout, deadline_exceeded',
  },
  cancelled: { code: 7, meaning: 'the operation was cancelled' },
  stillRunning: {
    code: 8,
    meaning:
      'not finished yet; it keeps running (at --timeout, or asked for its result, its removal or a retry)',
  },
  refused: {
    code: 9,
    meaning: 'the server is full or busy, also after waiting a little (429, 503)',
  },
  detached: { code: 130, meaning: 'Ctrl-C while following; the operation keeps running' },
} as const;

/** The command line asks for something that cannot be. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
  /** A line below it tells people where to read more; null: none. */
  hint: string | null = null;
}

/** The code of an operation that ended as `failed`, by its error.code. */
export function exitCodeOfOutcome(code: string): number {
  if (code === 'cancelled') return exitCodes.cancelled.code;
  const timedOut = ['timeout', 'queue_timeout', 'deadline_exceeded'].includes(code);
  return timedOut ? exitCodes.timedOut.code : exitCodes.failed.code;
}

export function exitCodeOfError(error: unknown): number {
  if (error instanceof UsageError) return exitCodes.usage.code;
  if (error instanceof RaincheckError && error.code === 'invalid_option')
    return exitCodes.usage.code;
  if (error instanceof OperationFailed) return exitCodeOfOutcome(error.code);
  if (error instanceof WaitTimeout) return exitCodes.stillRunning.code;
  if (error instanceof NetworkError) return exitCodes.error.code;
  if (!(error instanceof ProblemError)) return exitCodes.error.code;
  // `retry` itself tells what has not finished; what is left has completed.
  if (error.code === 'operation_not_failed') return exitCodes.usage.code;
  return exitCodeOfStatus(error.status);
}

function exitCodeOfStatus(status: number): number {
  switch (status) {
    case 401:
    case 403:
      return exitCodes.auth.code;
    case 404:
    case 410:
      return exitCodes.notFound.code;
    case 400:
    case 413:
    case 415:
    case 422:
      return exitCodes.usage.code;
    case 429:
    case 503:
      return exitCodes.refused.code;
    default:
      return exitCodes.error.code;
  }
}

/** The table as --help shows it. */
export function exitCodesHelp(): string {
  const rows = Object.values(exitCodes).map(
    ({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}`,
  );
  return `\nExit codes:\n${rows.join('\n')}`;
}
