import { errorTable, RaincheckError, type ErrorCode } from '../core/errors.ts';
import type { WireProblemType } from '../core/wire-server.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { jsonReply } from './json-reply.ts';
import { problemType } from './problem.ts';

/** `GET /problems/{code}`: the meaning of the `type` of a problem. */
export function readProblemType(context: HttpContext, code: string): ExchangeReply {
  if (!Object.hasOwn(errorTable, code)) {
    throw new RaincheckError('not_found', 'No error has this code.');
  }
  const known = code as ErrorCode;
  const { status, title, retryable } = errorTable[known];
  const type = problemType(context.basePath, known);
  return jsonReply({ type, code: known, status, title, retryable } satisfies WireProblemType);
}
