import type { WireOperation, WireOperationPage } from '../core/wire-operation.ts';
import type { WireTask } from '../core/wire-server.ts';
import { ProblemError } from './problem.ts';

/**
 * The operation in an answer. Throws ProblemError for anything else: a wrong address may lead to
 * another JSON API, and a wait for a `status` that never comes would never end.
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

/** The task in an answer; throws as operationIn does. */
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

/** The object in an answer, recognised by a member that only it has; throws as operationIn does. */
export function objectIn<T>(
  answer: { readonly status: number; readonly body: unknown },
  url: URL,
  member: keyof T & string,
): T {
  const { body, status } = answer;
  if (typeof body === 'object' && body !== null && member in body) return body as T;
  throw notRaincheck(url, status);
}

/**
 * The error for an answer that no Raincheck server gives. It keeps the status of the answer (a
 * success), so that the request is not tried again.
 */
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
