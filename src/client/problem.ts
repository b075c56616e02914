import type { FieldError } from '../core/errors.ts';
import type { WireOperation, WireOperationError } from '../core/wire-operation.ts';

/**
 * A problem document as it was read, from this version of the server or a newer one; or one made up
 * for an answer without it.
 */
export type Problem = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** A code of docs/errors.md; null when something else answered, such as a proxy. */
  readonly code: string | null;
  readonly errors?: readonly FieldError[];
};

/** The server answered with an error. `code` and `problem` say which; docs/errors.md lists them. */
export class ProblemError extends Error {
  override readonly name: string = 'ProblemError';
  readonly status: number;
  readonly code: string | null;
  readonly problem: Problem;
  /** From Retry-After; null when the server named no time. */
  readonly retryAfterMs: number | null;

  constructor(problem: Problem, retryAfterMs: number | null) {
    super(problem.detail === '' ? problem.title : problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * No answer came: the connection was refused or reset, the name did not resolve, or the server was
 * silent too long. `cause` is what fetch threw.
 */
export class NetworkError extends Error {
  override readonly name: string = 'NetworkError';
  readonly url: string;

  constructor(url: string, cause: unknown) {
    super(`No answer from ${url}: ${reasonOf(cause)}`, { cause });
    this.url = url;
  }
}

/** The operation ended as `failed`. `code` is its `error.code`: timeout, cancelled, task_error and so on. */
export class OperationFailed extends Error {
  override readonly name: string = 'OperationFailed';
  readonly code: string;
  readonly problem: WireOperationError | null;
  readonly operation: WireOperation;

  constructor(operation: WireOperation) {
    const { error } = operation;
    super(error === null || error.detail === '' ? (error?.title ?? 'Failed') : error.detail);
    this.code = error?.code ?? 'task_error';
    this.problem = error;
    this.operation = operation;
  }
}

/** The time given to a wait is over. The operation keeps running; `url` leads back to it. */
export class WaitTimeout extends Error {
  override readonly name: string = 'WaitTimeout';
  readonly url: string;
  /** The operation as last seen. */
  readonly operation: WireOperation;

  constructor(url: string, operation: WireOperation) {
    super(`${operation.id} is still ${operation.status}; it keeps running.`);
    this.url = url;
    this.operation = operation;
  }
}

/**
 * The problem document in the body of an answer that is not a success. Never throws, whatever the
 * body is.
 */
export function problemOf(p: {
  readonly status: number;
  readonly statusText: string;
  readonly body: unknown;
}): Problem {
  const found = typeof p.body === 'object' && p.body !== null ? p.body : {};
  const members: { [name in keyof Problem]?: unknown } = found;
  const title = textOr(members.title, p.statusText === '' ? `HTTP ${p.status}` : p.statusText);
  const problem = {
    type: textOr(members.type, 'about:blank'),
    title,
    status: p.status,
    detail: textOr(members.detail, ''),
    code: typeof members.code === 'string' ? members.code : null,
  };
  return Array.isArray(members.errors)
    ? { ...problem, errors: members.errors.filter(isFieldError) }
    : problem;
}

/** Milliseconds until Retry-After (delta-seconds or an HTTP date, RFC 9110 §10.2.3); null when there is none. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

function isFieldError(value: unknown): value is FieldError {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'pointer' in value &&
    typeof value.pointer === 'string' &&
    'detail' in value &&
    typeof value.detail === 'string'
  );
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback;
}

/**
 * The innermost message. fetch says only "fetch failed" and hides the reason one or two causes
 * down.
 */
function reasonOf(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause !== undefined) deepest = deepest.cause;
  // OpenSSL messages name the place in its own sources; we say what is likely wrong.
  if (/:SSL routines:/.test(String(deepest))) {
    return 'it does not speak https as asked; is it an http address?';
  }
  if (deepest instanceof Error) return deepest.message === '' ? deepest.name : deepest.message;
  return String(deepest);
}
