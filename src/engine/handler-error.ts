import { TaskError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { OperationError } from '../core/operation.ts';

/**
 * A record of whatever a handler threw. Handlers throw undefined, strings, Proxies and errors whose
 * getters throw. Nothing here may throw, since no caller would catch it; so every read of a foreign
 * value goes through `read`.
 */
export type HandlerFailure = { readonly error: OperationError; readonly retryable: boolean };

const nameCharsMax = 100;
const titleCharsMax = 200;

export function handlerFailure(thrown: unknown): HandlerFailure {
  const chosen = isTaskError(thrown);
  const status = chosen ? read(thrown, 'status') : null;
  return {
    error: {
      code: 'task_error',
      detail: cleanText(detailOf(thrown), limits.errorDetailChars),
      name: nameOf(thrown),
      status: isErrorStatus(status) ? status : null,
      type: chosen ? textOrNull(read(thrown, 'type'), titleCharsMax) : null,
      title: chosen ? textOrNull(read(thrown, 'title'), titleCharsMax) : null,
    },
    retryable: !(chosen && read(thrown, 'retryable') === false),
  };
}

/** An error of Raincheck's own about the attempt, in the same form. */
export function plainError(code: OperationError['code'], detail: string): OperationError {
  return {
    code,
    detail: cleanText(detail, limits.errorDetailChars),
    name: null,
    status: null,
    type: null,
    title: null,
  };
}

/** For logs: name, message and stack of anything, as plain text. Never throws. */
export function describeThrown(thrown: unknown): {
  readonly name: string | null;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
} {
  const stack = read(thrown, 'stack');
  const code = read(thrown, 'code');
  return {
    name: nameOf(thrown),
    message: cleanText(detailOf(thrown), limits.errorDetailChars),
    ...(typeof code === 'string' ? { code: cleanText(code, nameCharsMax) } : {}),
    ...(typeof stack === 'string' ? { stack: cleanText(stack, limits.errorDetailChars) } : {}),
  };
}

/**
 * Recognised by name as well as by class: the package may be installed twice, or the error may come
 * from a thread.
 */
export function isTaskError(thrown: unknown): boolean {
  try {
    return thrown instanceof TaskError || read(thrown, 'name') === 'TaskError';
  } catch {
    return false;
  }
}

function detailOf(thrown: unknown): string {
  if (typeof thrown === 'string')
    return thrown === '' ? 'The handler threw an empty string.' : thrown;
  if (thrown === undefined || thrown === null) return `The handler threw ${thrown}.`;
  const message = read(thrown, 'message');
  if (typeof message !== 'string') return 'The handler threw a value that is not an Error.';
  // fetch() says only "fetch failed"; its cause says what happened.
  const cause = read(read(thrown, 'cause'), 'message');
  const text = message === '' ? 'The handler threw an error without a message.' : message;
  return typeof cause === 'string' && cause !== '' && !text.includes(cause)
    ? `${text} (cause: ${cause})`
    : text;
}

function nameOf(thrown: unknown): string | null {
  return (
    textOrNull(read(thrown, 'name'), nameCharsMax) ??
    textOrNull(read(read(thrown, 'constructor'), 'name'), nameCharsMax)
  );
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599;
}

function textOrNull(value: unknown, charsMax: number): string | null {
  return typeof value === 'string' && value !== '' ? cleanText(value, charsMax) : null;
}

/** Cut to `charsMax`, without what databases refuse: lone surrogates (also from the cut) and NUL. */
export function cleanText(text: string, charsMax: number): string {
  const cut = text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
  return cut.toWellFormed().replaceAll('\0', '\uFFFD');
}

/** A member of an unknown value; undefined when it does not exist or reading it throws. */
function read(value: unknown, key: string): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null)
    return undefined;
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}
