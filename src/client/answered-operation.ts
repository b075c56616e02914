import type { WireOperation, WireOperationPage } from '../core/wire-operation.ts';
import type { WireTask } from '../core/wire-server.ts';
import { ProblemError } from './problem.ts';

/**
 * The operation that an answer carries. Something else that speaks JSON may live at a wrong address, and a
 * wait for a member that never comes would never end: so it throws ProblemError for anything else.
 */
export function operationIn(answer: { readonly status: number; readonly body: unknown }, url: URL) {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && 'id' in body && 'status' in body) {
    if (typeof body.id === 'string' && typeof body.status === 'string') {
      return body as WireOperation;
    }
  }
  throw notRaincheck(url, status);
}

/** The task that an answer carries, as operationIn. */
export function taskIn(answer: { readonly status: number; readonly body: unknown }, url: URL) {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && 'path' in body) {
    if (typeof body.path === 'string') return body as WireTask;
  }
  throw notRaincheck(url, status);
}

export function tasksIn(answer: { readonly status: number; readonly body: unknown }, url: URL) {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && 'tasks' in body) {
    if (Array.isArray(body.tasks)) return body.tasks as readonly WireTask[];
  }
  throw notRaincheck(url, status);
}

export function pageIn(answer: { readonly status: number; readonly body: unknown }, url: URL) {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && 'operations' in body) {
    if (Array.isArray(body.operations)) return body as WireOperationPage;
  }
  throw notRaincheck(url, status);
}

/** The object that an answer carries, known by a member that only it has; as operationIn. */
export function objectIn<T>(
  answer: { readonly status: number; readonly body: unknown },
  url: URL,
  member: keyof T & string,
): T {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && member in body) return body as T;
  throw notRaincheck(url, status);
}

/** Keeps the status of the answer (a success), so that it is not tried again. */
export function notRaincheck(url: URL, status: number): ProblemError {
  return new ProblemError(
    {
      type: 'about:blank',
      title: 'Not the answer of a Raincheck server',
      status,
      detail: `${url.href} did not answer as a Raincheck server does. Is the address right?`,
      code: null,
    },
    null,
  );
}
