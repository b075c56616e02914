import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { LineLevel } from '../core/log-line.ts';
import type { Operation } from '../core/operation.ts';
import type { ProgressReport } from '../core/progress.ts';
import type { AbortCause, Attempt } from './attempt.ts';
import type { ContextParts, HandlerLine } from './handler-context.ts';
import { describeThrown, plainError } from './handler-error.ts';
import type { HandlerProduct } from './handler-result.ts';

/** What a thread receives at its start. `operation` has everything that a handler may ask for. */
export type IsolateRequest = {
  readonly module: string;
  readonly task: string;
  readonly operation: Operation;
  readonly input: string;
  readonly now: number;
  readonly port: MessagePort;
};

/** A message from a thread while its handler runs. */
export type IsolateMessage =
  | { readonly type: 'progress'; readonly report: ProgressReport; readonly message?: string }
  /** The handler wrote a line to its log. */
  | ({ readonly type: 'line' } & HandlerLine)
  /** The part of the engine in the thread has something to log about the handler. */
  | {
      readonly type: 'log';
      readonly level: LineLevel;
      readonly fields: object;
      readonly message: string;
    };

/** A message to a thread. */
export type IsolateOrder = { readonly type: 'abort'; readonly cause: AbortCause };

const idleMs = 30_000;

/**
 * Worker threads for handlers of tasks with `isolate`. Only a thread can be stopped while it
 * computes: terminate() ends `while (true)` and a runaway regular expression within milliseconds.
 * It does not end a running SQLite query, execSync or pbkdf2Sync (measured on Node 24.21); such a
 * thread ends when the call returns. Threads are kept for 30 s after use; none exists before the
 * first isolated attempt.
 */
export class Isolates {
  readonly #threads: number;
  readonly #context: ContextParts;
  /** Loaded with the first isolated attempt: most programs have none. */
  #pool: Promise<Piscina> | null = null;

  constructor(p: { readonly threads: number; readonly context: ContextParts }) {
    this.#threads = p.threads;
    this.#context = p.context;
  }

  /** Never rejects. The product is copied from the thread by structured clone. */
  async run(attempt: Attempt): Promise<HandlerProduct> {
    const { port1: port, port2 } = new MessageChannel();
    const killed = new AbortController();
    port.on('message', (message: IsolateMessage) => this.#heard(attempt, message));
    attempt.kill = () => killed.abort();
    attempt.forwardAbort = (cause) => {
      port.postMessage({ type: 'abort', cause } satisfies IsolateOrder);
    };
    const request: IsolateRequest = {
      module: attempt.task.isolateModule ?? '',
      task: attempt.task.name,
      operation: attempt.operation,
      input: attempt.inputText,
      now: attempt.startedAt,
      port: port2,
    };
    try {
      this.#pool ??= this.#createPool();
      const options = { transferList: [port2], signal: killed.signal };
      const pool = await this.#pool;
      return (await pool.run(request, options)) as HandlerProduct;
    } catch (error) {
      return threadDied(error);
    } finally {
      // Its last messages are here already, although this process may learn of its end first.
      for (;;) {
        const received = receiveMessageOnPort(port);
        if (received === undefined) break;
        this.#heard(attempt, received.message as IsolateMessage);
      }
      port.close();
    }
  }

  /** Ends all threads, even those that run a handler. */
  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = null;
    await (await pool)?.destroy();
  }

  async #createPool(): Promise<Piscina> {
    const pool = await createPool(this.#threads);
    // Code that a handler left behind, such as a timer or a forgotten promise, may throw after its
    // attempt ended. The thread is then replaced; without a listener here the whole process would
    // end.
    pool.on('error', (error: unknown) => {
      this.#context.logger.error({ err: error }, 'Leftover code of an isolated handler threw.');
    });
    return pool;
  }

  #heard(attempt: Attempt, message: IsolateMessage): void {
    if (message.type === 'progress') {
      this.#context.report(attempt, message.report, message.message);
    } else if (message.type === 'line') {
      const { level, fields } = message;
      this.#context.line(attempt, { level, message: message.message, fields });
    } else {
      this.#context.logger[message.level](message.fields, message.message);
    }
  }
}

async function createPool(threads: number): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  // The same file runs from source (.ts) and from dist/ (.js).
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new Piscina({
    filename: new URL(`./isolate-thread.${extension}`, import.meta.url).href,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMs,
    // A thread that waits in Atomics.wait would not run what a handler left behind, e.g. its log
    // lines.
    atomics: 'disabled',
    recordTiming: false,
  });
}

/**
 * The thread died: out of memory, process.exit(), an unhandled rejection in the handler's module,
 * or our own kill.
 */
function threadDied(error: unknown): HandlerProduct {
  const { message } = describeThrown(error);
  return {
    ok: false,
    error: plainError('task_error', `The worker thread of the handler ended: ${message}`),
    retryable: true,
  };
}
