import type { Clock } from '../core/clock.ts';
import type { Duration } from '../core/duration.ts';
import type { WebhookTarget } from '../core/delivery.ts';
import type { KeptLine } from '../core/log-line.ts';
import type { PollWait } from '../core/estimator/retry-after.ts';
import type { EndedAttempt, Operation } from '../core/operation.ts';
import type { OperationEstimate, TaskEstimates } from '../core/operation-estimate.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { OperationFilter, OperationPage, Store, TaskRecord } from '../store/store.ts';
import type { FeedEvent, FeedFilter } from './feed-watcher.ts';
import type { Observer } from './activity.ts';
import type { Logger } from './logger.ts';
import type { NodeFacts, NodeRecord } from './node.ts';
import type { Stats, StatsWindow } from './stats.ts';
import type { Task } from './task.ts';

export type { OperationFilter, TaskRecord } from '../store/store.ts';
export type { KeptLine } from '../core/log-line.ts';
export type { FeedEvent } from './feed-watcher.ts';

/**
 * The in-process API: everything a client can ask over HTTP, without HTTP. All verbs reject with a
 * RaincheckError; the comments name its possible codes. Any verb may reject with
 * `store_unavailable`.
 */
export type Engine = {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly clock: Clock;

  /**
   * Resolves once recovery ran and the workers claim. Without start() the engine only accepts and
   * answers.
   */
  start(): Promise<void>;
  /**
   * For a process that only accepts and answers: receives hints from other processes on the same
   * store, as start() does, but runs nothing. Without it their changes are found by polling.
   */
  listen(): void;
  /**
   * Stops claiming, waits up to `drainMs` (default 10 s, at most a day) for running attempts, then
   * aborts the rest and hands them back uncounted. `now: true` does not wait. Idempotent; a second
   * call with `now` cuts the first one short. The store stays open.
   */
  stop(p?: { readonly drainMs?: number; readonly now?: boolean }): Promise<void>;
  /**
   * Rejects with `store_unavailable` or `shutting_down` when requests should go elsewhere. The store
   * is asked at most once a second; its last answer holds in between.
   */
  ready(): Promise<void>;

  /**
   * Accepts an operation. task_not_found, validation_failed, queue_full, idempotency_key_reused,
   * operation_gone, shutting_down.
   */
  submit(p: Submission): Promise<{ readonly operation: Operation; readonly replayed: boolean }>;
  /**
   * The operation that a request with this Idempotency-Key made before; null: there was none. For a
   * submit that is refused now but may have been accepted then. task_not_found,
   * idempotency_key_reused, operation_gone.
   */
  findReplay(
    p: Pick<Submission, 'task' | 'tenant'> & {
      readonly idempotency: NonNullable<Submission['idempotency']>;
    },
  ): Promise<Operation | null>;
  /**
   * Makes a new operation like a failed one, with another input when one is given.
   * operation_not_found, operation_gone, operation_not_failed, idempotency_key_reused.
   */
  retry(p: {
    readonly id: string;
    readonly tenant: string;
    readonly input?: { readonly value: unknown; readonly text: string } | undefined;
    readonly idempotency?: Submission['idempotency'];
  }): Promise<{ readonly operation: Operation; readonly replayed: boolean }>;
  /** operation_not_found, operation_gone. */
  read(p: OperationKey): Promise<Operation>;
  /**
   * The operation once its version differs from `version`, or (until: 'final') once it is final.
   * After `timeoutMs`, when `signal` aborts or when too many wait already, the operation as it is
   * then. operation_not_found, operation_gone.
   */
  waitFor(
    p: OperationKey & {
      readonly until: 'change' | 'final';
      readonly version: number;
      readonly timeoutMs: number;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<Operation>;
  /**
   * Yields the states that follow `operation`, which the caller has read, up to the final one; a
   * slow reader gets only the newest. Ends early when `signal` aborts or the engine stops. Throws
   * `streams_full` at once.
   */
  watch(p: {
    readonly operation: Operation;
    readonly signal: AbortSignal;
  }): AsyncGenerator<Operation>;
  /**
   * Yields what happens to all operations, best effort: engine/feed.ts describes how. Ends when
   * `signal` aborts or the engine stops. One `holder` has at most limits.feedStreamsPerToken
   * streams; a stream without a holder counts for nobody. Throws `streams_full` at once.
   */
  feed(
    p: FeedFilter & { readonly signal: AbortSignal; readonly holder?: string | null },
  ): AsyncGenerator<FeedEvent>;
  /** operation_not_found, operation_gone. */
  cancel(p: OperationKey): Promise<{
    readonly outcome: 'cancelled' | 'requested' | 'already_final';
    readonly operation: Operation;
  }>;
  /** Removes a final operation; asks any other to cancel. operation_not_found, operation_gone. */
  remove(p: OperationKey): Promise<'removed' | 'cancel_requested'>;
  /**
   * One page of operations. A filter by a redacted member is `invalid_request`; `text` does not
   * search the inputs of a task that redacts any.
   */
  list(p: {
    readonly filter: OperationFilter;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<OperationPage>;
  attempts(p: OperationKey): Promise<EndedAttempt[]>;
  /**
   * The input as JSON text as it was accepted, except for what its task redacts; all of it is
   * redacted where that task is not defined here. operation_not_found, operation_gone.
   */
  readInput(p: OperationKey): Promise<string>;
  /**
   * Log lines of an operation, of which the latest limits.logChunks chunks are kept: those with a
   * number above `after`, in order, at most `limit` (1..limits.logPageLines). operation_not_found,
   * operation_gone.
   */
  logs(
    p: OperationKey & { readonly after: number; readonly limit: number },
  ): Promise<readonly KeptLine[]>;
  /**
   * Yields log lines as they come, some at a time, until `signal` aborts or the engine stops. The
   * caller must have read the operation.
   */
  followLogs(p: {
    readonly id: string;
    readonly after: number;
    readonly signal: AbortSignal;
  }): AsyncGenerator<readonly KeptLine[]>;
  /** Bytes of a result that is not inline, as in Store.readResult. */
  readResult(p: {
    readonly id: string;
    readonly start: number;
    readonly end: number;
  }): AsyncIterable<Uint8Array>;
  taskRecords(): Promise<TaskRecord[]>;
  /** Pauses or resumes a task. task_not_found. */
  setTaskPaused(p: { readonly task: string; readonly paused: boolean }): Promise<void>;
  /**
   * When the operation is expected to end, as its clients should be told; null: it is final. No
   * I/O.
   */
  estimate(operation: Operation): OperationEstimate | null;
  /**
   * When a client should ask again; takes a place in the poll budget. null: the operation is final.
   * No I/O.
   */
  pollWait(operation: Operation): PollWait | null;
  /**
   * How long operations of the task took and how good their estimates were, as known here. No I/O.
   */
  taskEstimates(task: string): TaskEstimates;
  /** The processes on this store by their heartbeats, oldest first; at most a second old. */
  nodes(): Promise<readonly NodeRecord[]>;
  /** Statistics over all processes; those of the others are some seconds old. */
  stats(window: StatsWindow): Promise<Stats>;
  /** Statistics of this process alone, available while the store is away. No I/O. */
  ownStats(window: StatsWindow): Stats;
};

/** Names an operation and its tenant: for another tenant it is not found. */
export type OperationKey = { readonly id: string; readonly tenant: string };

/** Parameters of submit(). */
export type Submission = {
  readonly task: string;
  readonly tenant: string;
  /** The parsed input and the JSON text from which it was parsed. */
  readonly input: { readonly value: unknown; readonly text: string };
  readonly idempotency?: { readonly key: string; readonly fingerprint: string } | undefined;
  readonly priority?: number | undefined;
  /** Instant in ms. */
  readonly notBefore?: number | undefined;
  /** Instant in ms; the earlier of this and the task's own deadline holds. */
  readonly deadlineAt?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly traceparent?: string | undefined;
  /** Where to send events; the caller checks it (webhooks/target.ts). */
  readonly webhook?: WebhookTarget | undefined;
};

/**
 * Called for news that is no final state, once it is durable: the first attempt began, or an attempt
 * reported progress. `operation` is as it is then. Must not throw and should cost nothing when
 * nobody listens.
 */
export type Tell = (event: 'started' | 'progress', operation: Operation) => void;

/** Options of createEngine(). */
export type EngineOptions = {
  readonly store: Store;
  readonly tasks: readonly Task[];
  /**
   * Raincheck's own tasks: they run like others, but are in no list and have no address. Default
   * none.
   */
  readonly builtInTasks?: readonly Task[];
  /** Makes the webhook deliveries of a final state, in its commit. Default: none. */
  readonly outbox?: Outbox;
  /** Called for news before the final state. Default: none. */
  readonly tell?: Tell;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** Attempts that run at once in this process. Default 64. */
  readonly concurrency?: number;
  /**
   * Attempts of tasks with `isolate` that run at once, each in a worker thread, apart from `concurrency`.
   * Default: the number of cores, at most `concurrency`.
   */
  readonly threads?: number;
  /**
   * Submits are refused with 503 at so many pending operations over all tasks. Default 1,000,000.
   */
  readonly pendingMax?: number;
  /**
   * How long a lease lasts without a heartbeat; heartbeats come after a third of it. Default 15 s.
   */
  readonly lease?: Duration;
  /**
   * How long an aborted handler may take to return before its attempt is settled without it.
   * Default 5 s.
   */
  readonly grace?: Duration;
  /** Longest time between two looks at the queue when nothing woke the worker. Default 1 s. */
  readonly poll?: Duration;
  /**
   * Polls a second that Retry-After asks clients to make, of all nodes on the store together.
   * Default 1,000.
   */
  readonly pollsPerSecond?: number;
  /** Uniform in [0, 1); for jitter and forecasts. Default Math.random. */
  readonly random?: () => number;
  /** Default: none. */
  readonly observer?: Observer;
  /** Facts about this process for the others on the store. Default: none that identify it. */
  readonly node?: NodeFacts;
  /**
   * The process that used a single-process store before was ended to make way for this one: its
   * attempts count as handed back, not as lost with their worker. Default false.
   */
  readonly workerReplaced?: boolean;
};
