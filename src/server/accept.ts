import type { IncomingMessage, ServerResponse } from 'node:http';
import { expected } from '../core/options.ts';
import type { Task } from '../engine/task.ts';
import type { ExchangeRequest } from '../http/exchange.ts';
import { fetchHandler } from '../http/fetch-adapter.ts';
import { nodeHandler } from '../http/node-adapter.ts';
import { answeredRaw, type FastifyReply, type FastifyRequest } from './fastify.ts';
import type { Raincheck } from './raincheck.ts';

/**
 * The handler that accept() returns. It serves node:http (Express, Connect), Fastify, and the web
 * standard (Hono, Next).
 */
export type AcceptHandler = {
  (req: IncomingMessage, res: ServerResponse): void;
  (request: FastifyRequest, reply: FastifyReply): void;
  (request: Request, context?: unknown): Promise<Response>;
};

/**
 * Turns one route of an app into 202 + Location, without changing its address:
 * `app.post('/reports', accept(rc, reports))`. Every POST, PUT or PATCH to it becomes a submit to
 * the task with all features of a submit: the body is the input, `Prefer: wait=N` waits for the
 * result, `Idempotency-Key` counts. Status and result are below `basePath`, so `rc` has to be
 * mounted there. Throws `invalid_option` when the task is not one of `rc`.
 */
export function accept<Tasks extends readonly Task[]>(
  rc: Raincheck<Tasks>,
  task: Tasks[number],
): AcceptHandler {
  if (!rc.tasks.includes(task)) {
    const names = rc.tasks.map(({ name }) => name).join(', ');
    throw expected(
      'task',
      `a task of this raincheck() (${names})`,
      (task as Task | undefined)?.name,
    );
  }
  const path = `${rc.app.basePath}${task.path}`;
  const app = {
    ...rc.app,
    handle: (request: ExchangeRequest) => rc.app.handle(submitted(request, path)),
  };
  const handle = nodeHandler(app);
  const fetch = fetchHandler(app);
  return ((request: IncomingMessage | FastifyRequest | Request, second?: unknown) => {
    if (has(second, 'writeHead'))
      return handle(request as IncomingMessage, second as ServerResponse);
    if (has(second, 'hijack')) {
      return answeredRaw(handle, request as FastifyRequest, second as FastifyReply);
    }
    return fetch(request as Request); // Next passes route handlers a second argument
  }) as AcceptHandler;
}

function has(value: unknown, method: string): boolean {
  return typeof (value as Record<string, unknown> | undefined)?.[method] === 'function';
}

/**
 * The request as if it had been sent to the task. A view rather than a copy, because its members
 * are read late.
 */
function submitted(request: ExchangeRequest, path: string): ExchangeRequest {
  const { method } = request;
  return {
    method: method === 'PUT' || method === 'PATCH' ? 'POST' : method,
    path,
    query: request.query,
    header: (name) => request.header(name),
    headers: () => request.headers(),
    body: (maxBytes) => request.body(maxBytes),
    get origin() {
      return request.origin;
    },
    get signal() {
      return request.signal;
    },
  };
}
