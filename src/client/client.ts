import { isOperationId } from '../core/id.ts';
import { refuseUnknownKeys } from '../core/options.ts';
import type { OperationStatus } from '../core/operation.ts';
import type {
  WireErrorGroups,
  WireOperation,
  WireOperationPage,
  WireProgress,
} from '../core/wire-operation.ts';
import type {
  WireStats,
  WireTask,
  WireWhoami,
  WireWorker,
  WireWorkerList,
} from '../core/wire-server.ts';
import { objectIn, pageIn, taskIn, tasksIn } from './answered-operation.ts';
import { operationFeed, type FeedEvent, type FeedOptions } from './feed.ts';
import type { OperationFilter } from './operation-filter.ts';
import { batchesOver, type BatchClient } from './batches.ts';
import {
  createOperationHandle,
  type CallOptions,
  type OperationHandle,
  type WaitSettings,
} from './operation.ts';
import { postSubmission, submitOptionNames, type SubmitOptions } from './submission.ts';
import type { InputOf, OutputOf, TaskName } from './task-types.ts';
import { Transport, type TransportOptions } from './transport.ts';
import { webhooksOver, type WebhooksClient } from './webhooks.ts';

export type { SubmitOptions } from './submission.ts';

/**
 * The typed client. `createClient<typeof rc>({ baseUrl, token })` knows the names, inputs and
 * outputs of the server's tasks from its type alone; without the type argument, every name and JSON
 * value is accepted. Runs in browsers and in Node, without dependencies. Operations have the form
 * that they have on the wire (snake_case, as docs/ and curl show them).
 *
 * All methods reject with ProblemError when the server answers with an error, and with NetworkError
 * when it does not answer; both only after the retries that make sense (see
 * TransportOptions.patience).
 */
export type Client<App = unknown> = {
  /**
   * Submits an operation of the task and resolves to its handle. An Idempotency-Key goes with it
   * (random unless given), so that a lost answer can be asked for again without doubling the work.
   */
  submit<Name extends TaskName<App>>(
    task: Name,
    input: InputOf<App, Name>,
    options?: SubmitOptions,
  ): Promise<OperationHandle<OutputOf<App, Name>>>;
  /**
   * Submits, waits and returns the result. Rejects with OperationFailed, or with WaitTimeout after
   * `timeout`.
   */
  run<Name extends TaskName<App>>(
    task: Name,
    input: InputOf<App, Name>,
    options?: RunOptions,
  ): Promise<OutputOf<App, Name>>;
  /** The handle of an operation, by its id or its status address. Makes no request. */
  operation<Output = unknown>(urlOrId: string | URL): OperationHandle<Output>;
  /** One page of operations, newest first. */
  list(filter?: ListFilter): Promise<WireOperationPage>;
  /**
   * Failed operations grouped by kind of error, the most frequent first. `since` (default a day
   * ago) goes by the time of creation.
   */
  errors(filter?: ErrorFilter): Promise<WireErrorGroups>;
  tasks(options?: CallOptions): Promise<readonly WireTask[]>;
  task(name: string, options?: CallOptions): Promise<WireTask>;
  /**
   * Keeps operations of the task from starting; running ones go on. Resolves to the task as it is
   * then.
   */
  pauseTask(name: string, options?: CallOptions): Promise<WireTask>;
  resumeTask(name: string, options?: CallOptions): Promise<WireTask>;
  /**
   * Streams changes of all operations live, best effort, until the loop is left; meant for pages
   * that show them. Reconnects when the connection breaks. Throws ProblemError, and NetworkError
   * before the first event.
   */
  feed(options?: FeedOptions): AsyncGenerator<FeedEvent>;
  /** The scopes of the token. */
  whoami(options?: CallOptions): Promise<WireWhoami>;
  /** Load and history over all processes. */
  stats(options?: StatsOptions): Promise<WireStats>;
  /** The processes on the server's store, by their heartbeats. */
  workers(options?: CallOptions): Promise<readonly WireWorker[]>;
  /** Endpoints, deliveries and dead letters. */
  readonly webhooks: WebhooksClient;
} & BatchClient;

/** The options of stats(). */
export type StatsOptions = CallOptions & {
  /** How far back the history goes. Default 1h. */
  readonly window?: '15m' | '1h' | '6h' | '24h' | undefined;
};

/**
 * The options of run(): those of a submit and those of the wait for its result. `signal` ends the
 * call; the operation goes on.
 */
export type RunOptions = SubmitOptions &
  WaitSettings & {
    /** Called with each progress that differs from the one before. */
    readonly onProgress?: ((progress: WireProgress, operation: WireOperation) => void) | undefined;
  };

const runOptionNames = [...submitOptionNames, 'timeout', 'onChange', 'onProgress'];

const feedOptionNames = ['task', 'onConnection', 'signal'];

/** The options of list(): which operations, and which page of them. */
export type ListFilter = OperationFilter & {
  readonly status?: OperationStatus | undefined;
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** `next_cursor` of the page before. Default: the newest. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** The options of errors(). */
export type ErrorFilter = CallOptions & {
  /** Only errors of this task. Default: of all tasks. */
  readonly task?: string | undefined;
  /** Only operations created at or after this time. Default: a day ago. */
  readonly since?: Date | undefined;
  /** 1..200 groups, default 50. */
  readonly limit?: number | undefined;
};

/**
 * Makes a client; makes no request. Throws `invalid_option` for a `baseUrl` or `patience` that
 * cannot be used.
 */
export function createClient<App = unknown>(options: TransportOptions): Client<App> {
  return clientOver<App>(new Transport(options));
}

/** The client over a transport that the caller uses too, as the CLI does. */
export function clientOver<App = unknown>(transport: Transport): Client<App> {
  const paths = new Map<string, Promise<string>>();

  /**
   * The path of a task. Tasks choose their paths, so it is asked for once, for all callers that
   * wait for it.
   */
  function pathOf(task: string): Promise<string> {
    let path = paths.get(task);
    if (path === undefined) {
      path = getTask(transport, task).then((found) => found.path);
      paths.set(task, path);
      path.catch(() => paths.delete(task));
    }
    return path;
  }

  async function submit(task: string, input: unknown, options: SubmitOptions) {
    // All callers share the lookup, so the signal of one ends only its own wait.
    const path = await unlessAborted(pathOf(task), options.signal);
    return postSubmission(transport, { path, input, options });
  }

  const client = {
    async submit(task: string, input: unknown, options: SubmitOptions = {}) {
      refuseUnknownKeys('the options of submit()', options, submitOptionNames);
      return submit(task, input, options);
    },
    async run(task: string, input: unknown, options: RunOptions = {}) {
      refuseUnknownKeys('the options of run()', options, runOptionNames);
      const { onProgress, onChange } = options;
      const operation = await submit(task, input, options);
      return operation.result({ ...options, onChange: reporting(onProgress, onChange) });
    },
    operation: (urlOrId: string | URL) =>
      createOperationHandle(transport, { url: operationAddress(transport, urlOrId) }),
    list: (filter: ListFilter = {}) => getPage(transport, filter),
    errors: (filter: ErrorFilter = {}) => getErrors(transport, filter),
    async tasks({ signal }: CallOptions = {}) {
      const url = transport.address('/tasks');
      return tasksIn(await transport.request({ method: 'GET', url, signal }), url);
    },
    task: (name: string, options: CallOptions = {}) => getTask(transport, name, options.signal),
    pauseTask: (name: string, { signal }: CallOptions = {}) =>
      steerTask(transport, `${encodeURIComponent(name)}/pause`, signal),
    resumeTask: (name: string, { signal }: CallOptions = {}) =>
      steerTask(transport, `${encodeURIComponent(name)}/resume`, signal),
    feed(options: FeedOptions = {}) {
      refuseUnknownKeys('the options of feed()', options, feedOptionNames);
      return operationFeed(transport, options);
    },
    async whoami({ signal }: CallOptions = {}) {
      const url = transport.address('/whoami');
      return objectIn<WireWhoami>(
        await transport.request({ method: 'GET', url, signal }),
        url,
        'scopes',
      );
    },
    async stats({ window, signal }: StatsOptions = {}) {
      const url = transport.address('/stats');
      if (window !== undefined) url.searchParams.set('window', window);
      return objectIn<WireStats>(
        await transport.request({ method: 'GET', url, signal }),
        url,
        'health',
      );
    },
    async workers({ signal }: CallOptions = {}) {
      const url = transport.address('/workers');
      const answer = await transport.request({ method: 'GET', url, signal });
      return objectIn<WireWorkerList>(answer, url, 'workers').workers;
    },
    webhooks: webhooksOver(transport),
    ...batchesOver(transport),
  };
  // The types of `App` are promises about the server; nothing here depends on them.
  return client as Client<App>;
}

async function getTask(
  transport: Transport,
  name: string,
  signal?: AbortSignal,
): Promise<WireTask> {
  const url = transport.address(`/tasks/${encodeURIComponent(name)}`);
  return taskIn(await transport.request({ method: 'GET', url, signal }), url);
}

async function steerTask(
  transport: Transport,
  path: string,
  signal: AbortSignal | undefined,
): Promise<WireTask> {
  const url = transport.address(`/tasks/${path}`);
  return taskIn(await transport.request({ method: 'POST', url, signal }), url);
}

/** Resolves as `work` does, or rejects with the signal's reason; the work itself goes on. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

async function getPage(transport: Transport, filter: ListFilter): Promise<WireOperationPage> {
  const url = transport.address('/operations');
  const { labels, input, since, until, signal, ...rest } = filter;
  const plain = { ...rest, since: since?.toISOString(), until: until?.toISOString() };
  for (const [name, value] of Object.entries(plain)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  for (const [name, value] of Object.entries(labels ?? {})) {
    url.searchParams.append(`label.${name}`, value);
  }
  for (const [path, value] of Object.entries(input ?? {})) {
    url.searchParams.append(`input.${path}`, value);
  }
  return pageIn(await transport.request({ method: 'GET', url, signal }), url);
}

async function getErrors(transport: Transport, filter: ErrorFilter): Promise<WireErrorGroups> {
  const url = transport.address('/errors');
  const { since, signal, ...rest } = filter;
  for (const [name, value] of Object.entries({ ...rest, since: since?.toISOString() })) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return objectIn<WireErrorGroups>(
    await transport.request({ method: 'GET', url, signal }),
    url,
    'groups',
  );
}

/**
 * The status address for an id, a status address, or the address of a result, which ends in the id
 * too.
 */
function operationAddress(transport: Transport, urlOrId: string | URL): URL {
  const text = String(urlOrId);
  if (text.includes('/')) {
    const url = transport.address(text);
    const [parent, last = ''] = url.pathname.split('/').slice(-2);
    const isResult = isOperationId(last) && parent !== 'operations';
    return isResult ? transport.address(`/operations/${last}`) : url;
  }
  return transport.address(`/operations/${encodeURIComponent(text)}`);
}

function reporting(
  onProgress: RunOptions['onProgress'],
  onChange: RunOptions['onChange'],
): RunOptions['onChange'] {
  if (onProgress === undefined) return onChange;
  let last = '';
  return (operation) => {
    onChange?.(operation);
    const shown = JSON.stringify(operation.progress);
    if (operation.progress === null || shown === last) return;
    last = shown;
    onProgress(operation.progress, operation);
  };
}
