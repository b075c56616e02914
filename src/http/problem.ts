import { errorTable, RaincheckError, type ErrorCode, type FieldError } from '../core/errors.ts';
import type { Operation } from '../core/operation.ts';
import type { WireProblem } from '../core/wire-server.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';

/**
 * The only place that turns a RaincheckError into HTTP: application/problem+json (RFC 9457) with
 * the status of core/errors.ts. Any other error becomes `internal` without its message, so that no
 * stack, path or SQL leaves the process.
 */
export function problemReply(
  context: Pick<HttpContext, 'basePath'>,
  error: unknown,
  headers: Readonly<Record<string, string>> = {},
): ExchangeReply {
  const { problem, headers: own } = problemOf(context, error);
  return { status: problem.status, headers: { ...own, ...headers }, body: JSON.stringify(problem) };
}

/** The problem and its headers, for views that express it in another form. */
export function problemOf(
  context: Pick<HttpContext, 'basePath'>,
  error: unknown,
): { readonly problem: WireProblem; readonly headers: Record<string, string> } {
  const known = error instanceof RaincheckError;
  const code = known ? error.code : 'internal';
  const detail = known ? error.message : 'Something went wrong on our side; the log tells more.';
  const problem = wireProblem(context.basePath, {
    code,
    detail,
    errors: known ? error.errors : undefined,
  });
  const headers: Record<string, string> = { ...problemHeaders };
  const seconds = known ? error.retryAfterSeconds : undefined;
  if (seconds !== undefined || problem.status === 503) {
    headers['retry-after'] = String(Math.max(1, Math.ceil(seconds ?? retryAfterSecondsDefault)));
  }
  if (code === 'unauthorized') headers['www-authenticate'] = 'Bearer realm="raincheck"';
  return { problem, headers };
}

/** For a 503 whose error names no time. */
const retryAfterSecondsDefault = 2;

const problemHeaders = {
  'content-type': 'application/problem+json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
} as const;

export function wireProblem(
  basePath: string,
  p: {
    readonly code: ErrorCode;
    readonly detail: string;
    readonly errors?: readonly FieldError[] | undefined;
  },
): WireProblem {
  const { status, title } = errorTable[p.code];
  const { code, detail, errors } = p;
  const plain = { type: problemType(basePath, code), title, status, detail, code };
  return errors === undefined || errors.length === 0 ? plain : { ...plain, errors };
}

/** Problem types registered with IANA: https://www.iana.org/assignments/http-problem-types */
const ianaTypes: Partial<Record<ErrorCode, string>> = {
  queue_full: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
};

/** The type of a problem. It is a relative address, and GET there explains the code. */
export function problemType(basePath: string, code: ErrorCode): string {
  return ianaTypes[code] ?? `${basePath}/problems/${code}`;
}

/** The answer at the result address of a failed operation: the problem as it was recorded. */
export function recordedProblemReply(context: HttpContext, operation: Operation): ExchangeReply {
  const problem = recordedProblem(context.basePath, operation);
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'private, no-cache',
      'x-content-type-options': 'nosniff',
    },
    body: JSON.stringify({
      ...problem,
      instance: `${context.basePath}/operations/${operation.id}`,
    } satisfies WireProblem),
  };
}

/** The recorded outcome of a failed operation. Values chosen by its handler win over the table. */
export function recordedProblem(basePath: string, operation: Operation): WireProblem {
  const error = operation.error ?? {
    code: 'task_error' as const,
    detail: '',
    status: null,
    type: null,
    title: null,
  };
  const table = errorTable[error.code];
  return {
    type: error.type ?? problemType(basePath, error.code),
    title: error.title ?? table.title,
    status: errorStatus(error.status) ?? table.status,
    detail: error.detail,
    code: error.code,
  };
}

/** The status that a handler chose, if it is one that an error may have. */
function errorStatus(status: number | null): number | null {
  return status !== null && Number.isInteger(status) && status >= 400 && status <= 599
    ? status
    : null;
}
