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
 * RaincheckError whose code is named beside them; any of them with `store_unavailable`.
 */
export type Engine = {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly clock: Clock;

  /** Resolves once recovery ran and the workers claim. Without it the engine only accepts and answers. */
  start(): Promise<void>;
  /**
   * For a process that accepts and answers only: hears of what others on the same store do, as start() does, and
   * runs nothing. Without it that is found by polling.
   */
  listen(): void;
  /**
   * Stops claiming, waits up to `drainMs` (default 10 s, at most a day) for running attempts, aborts the rest and
   * hands them back uncounted. `now: true` does not wait. Idempotent; a second call with `now` cuts the first one
   * short. The store stays open.
   */
  stop(p?: { readonly drainMs?: number; readonly now?: boolean }): Promise<void>;
  /**
   * Rejects with `store_unavailable` or `shutting_down` when requests should go elsewhere. The store is asked
   * at most once a second; in between its last answer holds.
   */
  ready(): Promise<void>;

  /** task_not_found, validation_failed, queue_full, idempotency_key_reused, operation_gone, shutting_down. */
  submit(p: Submission): Promise<{ readonly operation: Operation; readonly replayed: boolean }>;
  /**
   * The operation that a request with this Idempotency-Key made before; null: there was none. For what a submit is
   * refused for that may have been otherwise then. task_not_found, idempotency_key_reused, operation_gone.
   */
  findReplay(
    p: Pick<Submission, 'task' | 'tenant'> & {
      readonly idempotency: NonNullable<Submission['idempotency']>;
    },
  ): Promise<Operation | null>;
  /**
   * A new operation like a failed one, its input replaced when given. operation_not_found, operation_gone,
   * operation_not_failed, idempotency_key_reused.
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
   * The operation once its version differs from `version`, or (until: 'final') once it is final; after
   * `timeoutMs`, when `signal` aborts or too many wait already, as it is then. operation_not_found, operation_gone.
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
   * Every state newer than `operation`, which the caller has read; only the newest when the reader is slow; to the
   * final one. Ends early when `signal` aborts or the engine stops. Throws `streams_full` at once.
   */
  watch(p: {
    readonly operation: Operation;
    readonly signal: AbortSignal;
  }): AsyncGenerator<Operation>;
  /**
   * What happens to all operations, best effort: engine/feed.ts tells how. Ends when `signal` aborts or the engine
   * stops. Of one `holder` there are limits.feedStreamsPerToken at most; without one it counts for nobody in
   * particular. Throws `streams_full` at once.
   */
  feed(
    p: FeedFilter & { readonly signal: AbortSignal; readonly holder?: string | null },
  ): AsyncGenerator<FeedEvent>;
  /** operation_not_found, operation_gone. */
  cancel(p: OperationKey): Promise<{
    readonly outcome: 'cancelled' | 'requested' | 'already_final';
    readonly operation: Operation;
  }>;
  /** Final: removes it; otherwise asks to cancel. operation_not_found, operation_gone. */
  remove(p: OperationKey): Promise<'removed' | 'cancel_requested'>;
  /** A filter by what a task redacts is `invalid_request`; `text` does not look into the inputs of such a task. */
  list(p: {
    readonly filter: OperationFilter;
    readonly limit: number;
    readonly beforeId: string | null;
  }): Promise<OperationPage>;
  attempts(p: OperationKey): Promise<EndedAttempt[]>;
  /**
   * As JSON text, as it was accepted, but for what its task redacts; all of it where that task is not defined here.
   * operation_not_found, operation_gone.
   */
  readInput(p: OperationKey): Promise<string>;
  /**
   * What its handlers wrote, the latest limits.logChunks chunks of it: lines with a number above `after`, in order, at
   * most `limit` (1..limits.logPageLines). operation_not_found, operation_gone.
   */
  logs(
    p: OperationKey & { readonly after: number; readonly limit: number },
  ): Promise<readonly KeptLine[]>;
  /**
   * The same as it comes, some lines at a time, for ever: until `signal` aborts or the engine stops. Of an operation
   * that the caller has read.
   */
  followLogs(p: {
    readonly id: string;
    readonly after: number;
    readonly signal: AbortSignal;
  }): AsyncGenerator<readonly KeptLine[]>;
  /** Bytes of a result that is not inline, as Store.readResult. */
  readResult(p: {
    readonly id: string;
    readonly start: number;
    readonly end: number;
  }): AsyncIterable<Uint8Array>;
  taskRecords(): Promise<TaskRecord[]>;
  /** task_not_found. */
  setTaskPaused(p: { readonly task: string; readonly paused: boolean }): Promise<void>;
  /** When it is expected to end, to be told to its clients; null: it is final. No I/O. */
  estimate(operation: Operation): OperationEstimate | null;
  /** When a client should ask again: takes a place in the poll budget. null: it is final. No I/O. */
  pollWait(operation: Operation): PollWait | null;
  /** What operations of the task took and how good their estimates were, as known here. No I/O. */
  taskEstimates(task: string): TaskEstimates;
  /** The processes on this store by their heartbeats, oldest first: as of a second ago at most. */
  nodes(): Promise<readonly NodeRecord[]>;
  /** How it went, over all processes: of the others as of some seconds ago. */
  stats(window: StatsWindow): Promise<Stats>;
  /** The same of this process alone: what can be said while the store is away. No I/O. */
  ownStats(window: StatsWindow): Stats;
};

/** Which operation, and on whose behalf: of another tenant it is not found. */
export type OperationKey = { readonly id: string; readonly tenant: string };

/** What submit() takes. Nothing of it is checked here but the input, by the task's schema. */
export type Submission = {
  readonly task: string;
  readonly tenant: string;
  /** The parsed input and the JSON text it came as. */
  readonly input: { readonly value: unknown; readonly text: string };
  readonly idempotency?: { readonly key: string; readonly fingerprint: string } | undefined;
  readonly priority?: number | undefined;
  /** Instant in ms. */
  readonly notBefore?: number | undefined;
  /** Instant in ms; the earlier of this and the task's own holds. */
  readonly deadlineAt?: number | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly traceparent?: string | undefined;
  /** Whom to tell; checked by the caller (webhooks/target.ts). */
  readonly webhook?: WebhookTarget | undefined;
};

/**
 * Told of what is no final state and yet news: the first attempt began, or an attempt reported progress, both
 * durably. `operation` is as it is then. Must not throw and should cost nothing when nobody wants to know.
 */
export type Tell = (event: 'started' | 'progress', operation: Operation) => void;

/** What createEngine() takes. */
export type EngineOptions = {
  readonly store: Store;
  readonly tasks: readonly Task[];
  /** Tasks of Raincheck's own: they run like others, but are in no list and have no address. Default none. */
  readonly builtInTasks?: readonly Task[];
  /** Makes the webhook deliveries of a final state, in its commit. Default: nobody is told. */
  readonly outbox?: Outbox;
  /** Default: nobody is told. */
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
  /** Pending operations over all tasks at which submits are refused with 503. Default 1,000,000. */
  readonly pendingMax?: number;
  /** How long a worker's hold lasts without a heartbeat; a third of it is the heartbeat. Default 15 s. */
  readonly lease?: Duration;
  /** How long an aborted handler may take to return before its attempt is settled without it. Default 5 s. */
  readonly grace?: Duration;
  /** Longest time between two looks at the queue when nothing woke the worker. Default 1 s. */
  readonly poll?: Duration;
  /** Polls a second that Retry-After asks clients to make of all nodes on the store together. Default 1,000. */
  readonly pollsPerSecond?: number;
  /** Uniform in [0, 1); for jitter and forecasts. Default Math.random. */
  readonly random?: () => number;
  /** Default: nobody is told. */
  readonly observer?: Observer;
  /** What is told of this process to others on the store. Default: nothing that tells it from them. */
  readonly node?: NodeFacts;
  /**
   * The process that had a single-process store before was ended to make way for this one: what it ran counts as
   * handed back, not as lost with its worker. Default false.
   */
  readonly workerReplaced?: boolean;
};
