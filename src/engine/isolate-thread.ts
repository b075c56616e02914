import type { MessagePort } from 'node:worker_threads';
import type { ProgressReport } from '../core/progress.ts';
import type { LineLevel } from '../core/log-line.ts';
import { RaincheckError } from '../core/errors.ts';
import { Attempt } from './attempt.ts';
import { handlerFailure, plainError } from './handler-error.ts';
import type { HandlerProduct } from './handler-result.ts';
import { markIsolateThread } from './isolate-thread-mark.ts';
import type { IsolateRequest, IsolateMessage, IsolateOrder } from './isolates.ts';
import type { Logger } from './logger.ts';
import { runHandler } from './run-handler.ts';
import type { Task } from './task.ts';

/**
 * The entry of a worker thread: imports the task's module, runs the handler as the main thread
 * would, and returns its product. Progress, log and abort go over the request's port.
 */
const tasks = markIsolateThread();

/**
 * Progress is sent at most this often; otherwise a tight loop that reports would flood the port.
 */
const progressMs = 100;

/** Called by the pool, one request at a time. Never rejects. */
export default async function runIsolated(request: IsolateRequest): Promise<HandlerProduct> {
  try {
    return await runTask(request, await taskOf(request));
  } catch (error) {
    return moduleFailure(error);
  } finally {
    request.port.close();
  }
}

async function taskOf(request: IsolateRequest): Promise<Task> {
  if (!tasks.has(request.task)) await import(request.module);
  const task = tasks.get(request.task);
  if (task !== undefined) return task;
  throw new RaincheckError(
    'invalid_option',
    `The module of the isolated task \`${request.task}\` does not define it when imported in a thread.`,
  );
}

/** Not retryable: a module that is not made for a thread stays so, however often it is tried. */
function moduleFailure(error: unknown): HandlerProduct {
  const isOurs = error instanceof RaincheckError && error.code === 'invalid_option';
  const { detail } = handlerFailure(error).error;
  return { ok: false, error: plainError('task_error', detail), retryable: !isOurs };
}

async function runTask(request: IsolateRequest, task: Task): Promise<HandlerProduct> {
  const { operation, input, now, port } = request;
  const attempt = new Attempt({ operation, input, task, now, elapsed: 0 });
  port.on('message', (order: IsolateOrder) => attempt.abort(order.cause));
  const progress = new ProgressSender(port);
  try {
    return await runHandler(attempt, {
      logger: portLogger(port),
      line: (_attempt, line) => {
        const sent = post(port, { type: 'line', ...line });
        if (!sent) post(port, { type: 'line', ...line, fields: null });
      },
      report: (_attempt, report, message) => progress.report(report, message),
    });
  } finally {
    progress.close();
  }
}

/** Sends the first report at once, and then the last one of every interval. Never throws. */
class ProgressSender {
  readonly #port: MessagePort;
  #unsent: IsolateMessage | null = null;
  #sentAt = -Infinity;
  #timer: NodeJS.Timeout | null = null;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  report(report: ProgressReport, message: string | undefined): void {
    this.#unsent = { type: 'progress', report, ...(message === undefined ? {} : { message }) };
    const waitMs = this.#sentAt + progressMs - performance.now();
    if (waitMs <= 0) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), waitMs);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#sentAt = performance.now();
    if (this.#unsent !== null) post(this.#port, this.#unsent);
    this.#unsent = null;
  }
}

function portLogger(port: MessagePort): Logger {
  const line = (level: LineLevel) => (fields: object, message: string) => {
    const sent = post(port, { type: 'log', level, fields, message });
    if (!sent) post(port, { type: 'log', level, fields: {}, message });
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/** false: the message cannot be cloned (a function among the fields, an invalid report). */
function post(port: MessagePort, message: IsolateMessage): boolean {
  try {
    port.postMessage(message);
    return true;
  } catch {
    return false;
  }
}
