import type { Duration } from '../core/duration.ts';
import type { InputMask } from '../core/input-mask.ts';
import type { ProgressReport } from '../core/progress.ts';
import type { RetryPolicy } from '../core/retry.ts';
import type { SchemaOutput, StandardSchema } from './standard-schema.ts';

/**
 * A task as its author writes it: `defineTask('reports', { input, run })`. Every member but `run`
 * is optional; durations are numbers of milliseconds or texts like '10m'.
 */
export type TaskOptions<Schema extends StandardSchema = StandardSchema, Output = unknown> = {
  /**
   * The address to POST to; default `/{name}`. Starts with '/', no parameters, no trailing slash.
   */
  path?: string;
  /** One sentence for the task list and the API docs. */
  description?: string;
  /**
   * Any Standard Schema validator. It is applied at accept (422 with JSON pointers) and again
   * before each attempt: the store keeps the JSON that came, and the handler gets the validator's
   * output. Default: any JSON.
   */
  input?: Schema;
  /**
   * Longest run of one attempt; then its signal aborts, and after the engine's `grace` the handler
   * is no longer awaited. Default 10 m; null: none.
   */
  timeout?: Duration | null;
  /** Longest wait from being due to the start of the first attempt. Default null: none. */
  queueTimeout?: Duration | null;
  /** Longest time from accept to the end, over all attempts. Default null: none. */
  deadline?: Duration | null;
  /** Most attempts, 1..1000. Default 3. Lost workers and graceful stops do not use them up. */
  attempts?: number;
  /** Back-off between attempts. Default base 1 s, factor 2, cap 10 m, full jitter. */
  retry?: { base?: Duration; factor?: number; cap?: Duration };
  /**
   * How many attempts may run at once over all workers. A number limits this task. `{limit, key}`
   * limits the attempts of this task with the same key; `total` limits the task as well. Default:
   * only the engine's own limit.
   */
  concurrency?:
    | number
    | {
        limit: number;
        key: (input: SchemaOutput<Schema>) => string;
        total?: number;
      };
  /** Higher goes first, -100..100. Default 0. A request may set its own. */
  priority?: number;
  /**
   * Submits are refused with 503 at so many pending operations of this task. Default: only the
   * engine's own limit.
   */
  pendingMax?: number;
  /** How long status and result are kept after the end. Default 7 d, at least 24 h. */
  retention?: Duration;
  /**
   * How long an operation usually takes from start to end: the basis of estimates until 4 have
   * finished.
   */
  estimate?: Duration;
  /** Largest result in bytes. Default 64 MiB. */
  resultBytesMax?: number;
  /**
   * true: the handler runs in a worker thread that is terminated when it does not stop in time, the
   * only way to stop a busy loop. The module that calls defineTask is imported in that thread, so
   * it must only define tasks. `{ module: import.meta.url }` names the module when it cannot be
   * determined from the call.
   */
  isolate?: boolean | { module: string };
  /**
   * Members of the input that nobody is shown, like `['input.apiKey', 'input.card.number']`; an
   * array on the path stands for each of its elements. The store keeps them, the handler gets them,
   * and a retry uses them. Over HTTP they read "[redacted]", and no filter or search looks at them.
   * Default: none.
   */
  redact?: readonly `input.${string}`[];
  run: (context: TaskContext<SchemaOutput<Schema>>) => Output;
};

/** The argument of a handler. */
export type TaskContext<Input = unknown> = {
  readonly input: Input;
  /**
   * Aborts on timeout, deadline, cancellation, loss of the lease and stop of the worker;
   * `signal.reason` is a RaincheckError with the code `timeout`, `deadline_exceeded`, `cancelled`,
   * `lease_lost` or `shutting_down`. Pass it on to everything that takes a signal.
   */
  readonly signal: AbortSignal;
  /**
   * Reports progress. Cheap: recorded at the first call and then at most every 500 ms. Never
   * throws.
   */
  readonly progress: (report: ProgressReport, message?: string) => void;
  readonly log: HandlerLog;
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly operation: {
    readonly id: string;
    readonly task: string;
    readonly attemptsMax: number;
    /** Milliseconds since the Unix epoch. */
    readonly createdAt: number;
    readonly labels: Readonly<Record<string, string>>;
  };
};

/**
 * Writes lines to the engine's log, with operation, task and attempt, and keeps them with the
 * operation; `debug` lines only where the engine's logger writes that level. Cheap; never throws.
 * If lines come too fast, those in the middle are dropped, and a line says so.
 */
export type HandlerLog = {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
};

/**
 * A task as the engine uses it: checked, with defaults filled in and durations in ms. Only
 * defineTask makes it.
 */
export type Task<Name extends string = string, Input = unknown, Output = unknown> = {
  readonly name: Name;
  readonly path: string;
  readonly description: string | null;
  readonly schema: StandardSchema | null;
  /** JSON Schema 2020-12 of the input; null when the validator cannot export it. */
  readonly inputJsonSchema: Record<string, unknown> | null;
  readonly timeoutMs: number | null;
  readonly queueTimeoutMs: number | null;
  readonly deadlineMs: number | null;
  readonly attemptsMax: number;
  readonly retry: RetryPolicy;
  readonly concurrency: number | null;
  readonly keyConcurrency: number | null;
  readonly concurrencyKey: ((input: unknown) => string) | null;
  readonly priority: number;
  readonly pendingMax: number | null;
  readonly retentionMs: number;
  readonly estimateMs: number | null;
  readonly resultBytesMax: number;
  /** The paths as given, like `input.apiKey`. */
  readonly redact: readonly string[];
  /** The same paths as a mask; null: nothing is redacted. */
  readonly inputMask: InputMask | null;
  /** URL of the module to import in the worker thread; null: the task runs in this thread. */
  readonly isolateModule: string | null;
  readonly run: (context: TaskContext) => unknown;
  /** Types only, for createClient<typeof rc>; always undefined. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
};
