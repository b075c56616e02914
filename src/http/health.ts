import { errorTable, RaincheckError, type ErrorCode } from '../core/errors.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';
import { problemType } from './problem.ts';
import { jsonReply } from './tasks.ts';

/** `GET /livez`: the process answers. Asks nobody, so that a full disk does not restart it in a loop. */
export function readLiveness(): ExchangeReply {
  return jsonReply({ status: 'ok' });
}

/** `GET /readyz`: 503 when requests should go elsewhere. */
export async function readReadiness(context: HttpContext): Promise<ExchangeReply> {
  await context.engine.ready();
  return jsonReply({ status: 'ready' });
}

/** `GET /`: where everything is. */
export function readIndex(context: HttpContext): ExchangeReply {
  const at = (path: string): string => `${context.basePath}${path}`;
  return jsonReply({
    name: 'raincheck',
    version: context.version,
    operations_url: at('/operations'),
    tasks_url: at('/tasks'),
    openapi_url: at('/openapi.json'),
    health_url: at('/readyz'),
    submit_urls: Object.fromEntries(
      [...context.engine.tasks.values()].map((task) => [task.name, at(task.path)]),
    ),
  });
}

/** `GET /problems/{code}`: what the `type` of a problem means. */
export function readProblemType(context: HttpContext, code: string): ExchangeReply {
  if (!Object.hasOwn(errorTable, code)) {
    throw new RaincheckError('not_found', 'No error has this code.');
  }
  const known = code as ErrorCode;
  const { status, title, retryable } = errorTable[known];
  return jsonReply({ type: problemType(context.basePath, known), code, status, title, retryable });
}
