import type { WebhookTarget } from '../core/delivery.ts';
import type { KeptLine, LogLine } from '../core/log-line.ts';
import type {
  EndedAttempt,
  Operation,
  OperationError,
  Progress,
  Result,
} from '../core/operation.ts';
import type { OwnTasks } from '../core/transitions.ts';
import type { Outbox } from './delivery-store.ts';

/**
 * The half of Store that keeps operations, with their attempts, inputs, results, log lines and
 * idempotency keys, and also tasks and notes. The contract of Store holds for every verb.
 * newOperation(), beside this file, makes the record of a new operation.
 */
export type OperationStore = {
  // Accept
  /**
   * Writes idempotency key, operation and queue entry in one commit. Returns one outcome for each
   * operation, in order. A key is looked up before the caps, and the task's own cap is checked
   * before the total; a key is free again at its expiresAt.
   */
  createOperations(p: CreateOperations): Promise<CreateOutcome[]>;

  // Work
  /**
   * Takes up to `limit` ready operations, best first over all tasks, under new leases. Never
   * exceeds a concurrency limit. Scheduled operations that are due become ready first, even if this
   * claim then does not take them.
   */
  claimOperations(p: ClaimOperations): Promise<ClaimOutcome>;
  /** Ends attempts: completed, failed or released. Frees their concurrency slots in the same commit. */
  settleAttempts(p: SettleAttempts): Promise<SettleOutcome[]>;
  /** The heartbeat: extends leases, records progress, and brings back wishes to cancel. */
  extendLeases(p: ExtendLeases): Promise<ExtendOutcome[]>;
  /**
   * Keeps log lines that handlers wrote, in order: the latest limits.logChunks chunks of an
   * operation (log-chunks.ts). The operation's version stays. A loss of power, and nothing else,
   * may lose the latest lines.
   */
  appendLogs(p: AppendLogs): Promise<AppendOutcome[]>;
  /** Recovers attempts whose worker is lost and fails operations that waited too long. */
  sweepExpired(p: SweepExpired): Promise<SweepOutcome>;

  // Ask
  /** null: the operation never existed, or was removed (`isGone` tells which). */
  readOperation(p: { readonly id: string }): Promise<Operation | null>;
  /**
   * Whether the id belonged to an operation that was removed or has expired, and is still
   * remembered.
   */
  isGone(p: { readonly id: string }): Promise<boolean>;
  /** The request that used a key which has not expired at `now`; null: there is none. */
  readIdempotencyKey(p: {
    readonly scope: string;
    readonly key: string;
    readonly now: number;
  }): Promise<UsedIdempotencyKey | null>;
  /** The input as JSON text, as it was accepted; null when there is no such operation. */
  readInput(p: { readonly id: string }): Promise<string | null>;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive) of a stored result, in chunks of at most
   * limits.resultChunkBytes. Only for results that are not inline. Yields fewer bytes when the
   * result is removed meanwhile, so the reader compares the length.
   */
  readResult(p: {
    readonly id: string;
    readonly start: number;
    readonly end: number;
  }): AsyncIterable<Uint8Array>;
  /** One page of the operations that match, newest first. */
  listOperations(p: ListOperations): Promise<OperationPage>;
  /**
   * Attempts that did not complete their operation: the latest limits.attemptsShown of them, oldest
   * first.
   */
  listAttempts(p: { readonly id: string }): Promise<EndedAttempt[]>;
  /**
   * Log lines with a number above `after`, in order, at most `limit`; none when there is no such
   * operation.
   */
  readLogs(p: ReadLogs): Promise<KeptLine[]>;

  // Steer
  /**
   * Cancels an operation. One that waits fails with `cancelled` in this commit. For one that runs,
   * the wish is noted: its worker learns it with its next heartbeat and ends the attempt.
   */
  requestCancel(p: {
    readonly id: string;
    /** As in SettleAttempts. */
    readonly outbox?: Outbox | undefined;
    readonly now: number;
  }): Promise<CancelOutcome>;
  /** Removes a final operation with its result; the id is remembered as gone until `goneUntil`. */
  removeOperation(p: {
    readonly id: string;
    readonly now: number;
    readonly goneUntil: number;
  }): Promise<'removed' | 'not_final' | 'missing'>;
  /**
   * Pauses or resumes a task. Claims ignore a paused task; its running attempts go on. The task
   * need not be known yet.
   */
  setTaskPaused(p: { readonly task: string; readonly paused: boolean }): Promise<void>;
  /**
   * Every task that ever had an operation accepted or was paused or resumed, by name. Costs
   * O(tasks), whatever the number of operations.
   */
  readTasks(): Promise<TaskRecord[]>;

  // Notes
  /** The text kept under `name`; null: none. */
  readNote(p: { readonly name: string }): Promise<string | null>;
  /**
   * Keeps `text` under `name`, in place of the former text, with the time of writing. Notes are for
   * what an engine would miss but can do without; for few names, in ASCII, and texts of at most
   * limits.noteChars.
   */
  writeNote(p: {
    readonly name: string;
    readonly text: string;
    readonly now: number;
  }): Promise<void>;
  /** Notes whose names begin with `prefix`, ordered by name: the first limits.notesRead of them. */
  readNotes(p: { readonly prefix: string; readonly now: number }): Promise<Note[]>;
  /**
   * Removes the notes of `names` (at most limits.notesRead) that were last written `unwrittenMs`
   * ago or earlier (0: at any time), so that nobody removes a note that its writer has just
   * renewed. Returns how many were removed.
   */
  removeNotes(p: {
    readonly names: readonly string[];
    readonly unwrittenMs: number;
    readonly now: number;
  }): Promise<number>;

  /**
   * Like writeNote, but only if the note is unchanged: it was written at `over`, or, with null,
   * does not exist. Each write has a later `writtenAt` than the one before, so of several processes
   * that read the same note only one replaces it.
   */
  replaceNote(p: {
    readonly name: string;
    readonly text: string;
    readonly over: number | null;
    readonly now: number;
  }): Promise<'replaced' | 'changed'>;
  /**
   * The queue, for the one process that estimates waits for all: pending operations in the order of
   * claims, whatever their state, at most `limit`, and the running ones, with as few columns as
   * possible. Present only where several processes share the store; a process that is alone knows
   * its queue.
   */
  readonly readQueue?: ((p: { readonly limit: number }) => Promise<StoredQueue>) | undefined;

  // Keep
  /**
   * Removes what has expired: operations, remembered ids, idempotency keys, deliveries; at most
   * `limit` of each. The id of an expired operation is remembered for as long again, until
   * expiresAt + retentionMs.
   */
  pruneExpired(p: { readonly now: number; readonly limit: number }): Promise<PruneOutcome>;
};

/**
 * The parts of an operation that the caller decides at accept; newOperation() fills in the rest.
 */
export type NewOperation = {
  readonly id: string;
  readonly task: string;
  readonly tenant: string;
  /** JSON text. */
  readonly input: string;
  readonly attemptsMax: number;
  readonly retentionMs: number;
  readonly priority: number;
  /** `now` or earlier: ready at once. */
  readonly readyAt: number;
  readonly waitUntil: number | null;
  readonly deadlineAt: number | null;
  readonly concurrencyKey: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly retryOf: string | null;
  readonly traceparent: string | null;
  readonly webhook: WebhookTarget | null;
  readonly idempotency: IdempotencyKey | null;
  /**
   * The queue of this task is full at so many pending operations; null: the task has no cap of its
   * own.
   */
  readonly taskPendingMax: number | null;
};

/**
 * An Idempotency-Key and the request it was used for, kept with the operation in the same commit.
 */
export type IdempotencyKey = {
  /** Whose key it is. Equal keys of different scopes are different keys. */
  readonly scope: string;
  readonly key: string;
  /** Hash of the request; the same key with another hash is refused. */
  readonly fingerprint: string;
  /** Instant in ms; from then on it may be used again. */
  readonly expiresAt: number;
};

/** Which request used an idempotency key, and the operation that it made. */
export type UsedIdempotencyKey = Pick<IdempotencyKey, 'fingerprint'> & {
  readonly operationId: string;
};

/** Parameters of createOperations. The ids of the operations must be new. */
export type CreateOperations = {
  readonly operations: readonly NewOperation[];
  /** The queue is full at so many pending operations over all tasks. */
  readonly pendingMax: number;
  /**
   * Absent: the operations wait for a claim. A store without `capabilities.claimsAtAccept` ignores
   * it.
   */
  readonly claim?: ClaimAtAccept | undefined;
  readonly now: number;
};

/**
 * Given when the caller has a free slot for each of the operations and would run them itself. An
 * operation that is ready, has no concurrency key and whose task is not paused then runs under a
 * lease of the caller from the commit that creates it, unless it would overtake an operation that
 * waits. Only for tasks without limits, which only a claim enforces.
 */
export type ClaimAtAccept = Pick<ClaimOperations, 'worker' | 'leaseMs'> & {
  /** The lease token for the operation of that id: unique, and the same when asked again. */
  readonly tokenOf: (id: string) => string;
  /** The tasks that the caller claims: waiting operations of these compete for its slots. */
  readonly tasks: readonly string[];
  /**
   * Free slots of the caller besides those for the operations. As long as no more operations than
   * these wait, each of them has a slot, so nobody is overtaken.
   */
  readonly spareSlots: number;
};

/** What became of one operation of createOperations. */
export type CreateOutcome =
  /** Its state is `running` when it was claimed at accept. */
  | { readonly outcome: 'created'; readonly operation: Operation }
  /** The key was used before for the same request; `operation` is that request's, as it is now. */
  | { readonly outcome: 'replayed'; readonly operation: Operation }
  /** The key was used for the same request, but its operation has been removed since. */
  | { readonly outcome: 'replayed_gone'; readonly operationId: string }
  /** The key was used before for another request; nothing is created. */
  | { readonly outcome: 'key_reused' }
  /** `pending` and `pendingMax` are those of the cap that is reached: the task's or the total. */
  | { readonly outcome: 'queue_full'; readonly pending: number; readonly pendingMax: number };

/** Parameters of claimOperations. */
export type ClaimOperations = {
  /** The claiming worker, recorded with the lease and the attempt. */
  readonly worker: string;
  /**
   * Makes lease tokens: called once for each claimed operation, must never return the same token
   * twice.
   */
  readonly newToken: () => string;
  readonly leaseMs: number;
  readonly limit: number;
  /** The tasks this worker has handlers for. Others are left alone. */
  readonly tasks: readonly ClaimTask[];
  readonly now: number;
};

/** A task whose operations are claimed, with the limits that hold for this claim. */
export type ClaimTask = {
  readonly name: string;
  /** Attempts of this task that may run at once over all workers; null: any number. */
  readonly concurrency: number | null;
  /** Attempts with one concurrency key that may run at once over all workers; null: any number. */
  readonly keyConcurrency: number | null;
};

/** The claimed operations, best first, and when to ask again. */
export type ClaimOutcome = {
  readonly claimed: readonly ClaimedOperation[];
  /**
   * When another claim may find something although nothing else happens: the earliest readyAt of a
   * scheduled operation of these tasks, or `now` when the scan stopped at its own limit; null: no
   * such instant is known.
   */
  readonly nextDueAt: number | null;
};

/** An operation that now runs under its new lease, with its input as JSON text. */
export type ClaimedOperation = { readonly operation: Operation; readonly input: string };

/** Parameters of settleAttempts. */
export type SettleAttempts = {
  readonly settlements: readonly Settlement[];
  /** Makes the deliveries of operations that become final, in the same commit; absent: none. */
  readonly outbox?: Outbox | undefined;
  readonly now: number;
};

/** How one attempt ended. Ignored unless `token` still holds the lease. */
export type Settlement =
  | {
      readonly type: 'completed';
      readonly id: string;
      readonly token: string;
      readonly result: Result;
      /** The bytes, when `result.inline` is null. */
      readonly body: Uint8Array | null;
    }
  | {
      readonly type: 'attempt_failed';
      readonly id: string;
      readonly token: string;
      readonly error: OperationError;
      /** When the next attempt may start, in ms; null: this was the last attempt. */
      readonly retryAt: number | null;
    }
  /**
   * The worker handed the attempt back: it is not counted, and the operation is ready again at its
   * old place.
   */
  | { readonly type: 'released'; readonly id: string; readonly token: string };

/** lost: the token no longer holds the lease, and nothing was written. */
export type SettleOutcome = 'applied' | 'lost';

/** Parameters of extendLeases: a worker's heartbeat for all that it runs. */
export type ExtendLeases = {
  readonly leases: readonly {
    readonly id: string;
    readonly token: string;
    /** null leaves the recorded progress as it is. */
    readonly progress: Progress | null;
  }[];
  readonly leaseMs: number;
  readonly now: number;
};

/**
 * The outcome for one lease. lost: another worker holds it or the operation is final; nothing was
 * written.
 */
export type ExtendOutcome =
  | { readonly outcome: 'extended'; readonly cancelRequested: boolean }
  | { readonly outcome: 'lost' };

/** Parameters of appendLogs. */
export type AppendLogs = {
  readonly entries: readonly LogEntry[];
  readonly now: number;
};

/**
 * Log lines that the holder of a lease sends. `from` is how many lines it has sent before these.
 * Lines that the store already has, because an answer was lost, are not kept twice. So the holder
 * may send all unacknowledged lines again, together with new ones, as often as needed.
 */
export type LogEntry = {
  readonly id: string;
  readonly token: string;
  readonly from: number;
  readonly lines: readonly LogLine[];
};

/** The outcome for one entry. lost: the token no longer holds the lease, and no line was kept. */
export type AppendOutcome = 'applied' | 'lost';

/** Parameters of readLogs. */
export type ReadLogs = {
  readonly id: string;
  /** The number of the last line the caller knows; 0: read from the first. */
  readonly after: number;
  readonly limit: number;
};

/** Parameters of sweepExpired. */
export type SweepExpired = {
  readonly now: number;
  /** The most operations that one sweep changes. */
  readonly limit: number;
  /** An operation that lost this many workers fails with `worker_lost`. */
  readonly recoveriesMax: number;
  /** Tasks of Raincheck itself, which have a limit of their own. Default: none. */
  readonly own?: OwnTasks | undefined;
  /** true at the start of a single-process store: every lease belongs to a dead process. */
  readonly workerDead: boolean;
  /**
   * Only with `workerDead`: that process was ended to make way for this one, so its attempts count
   * as released.
   */
  readonly workerReplaced?: boolean | undefined;
  /** As in SettleAttempts. */
  readonly outbox?: Outbox | undefined;
};

/** The result of one sweep. */
export type SweepOutcome = {
  /** The operations that this sweep changed, as they are now. */
  readonly changed: readonly Operation[];
  /** The sweep stopped at its limit: sweep again at once. */
  readonly more: boolean;
};

/** What a request to cancel did, with the operation as it is afterwards. */
export type CancelOutcome =
  /**
   * cancelled: the operation waited and is now final · requested: it runs, and the wish is noted.
   */
  | { readonly outcome: 'cancelled' | 'requested' | 'already_final'; readonly operation: Operation }
  | { readonly outcome: 'missing' };

/** Parameters of listOperations. */
export type ListOperations = {
  readonly filter: OperationFilter;
  /** 1..limits.pageSizeMax */
  readonly limit: number;
  /** Only ids smaller than this one; null: from the newest. */
  readonly beforeId: string | null;
};

/** All given members must match; undefined ones do not filter. */
export type OperationFilter = {
  readonly tenant?: string | undefined;
  readonly states?: readonly Operation['state'][] | undefined;
  readonly task?: string | undefined;
  /** Any of these tasks. */
  readonly tasks?: readonly string[] | undefined;
  /** Equality on labels. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** error.code */
  readonly code?: string | undefined;
  /** createdAt >= since, by id. */
  readonly since?: number | undefined;
  /** createdAt < until, by id. */
  readonly until?: number | undefined;
  /** Case-insensitive (ASCII) substring of the id, the error's detail or the input's JSON text. */
  readonly text?: string | undefined;
  /** The tasks whose inputs `text` searches; undefined: all tasks. */
  readonly textInputTasks?: readonly string[] | undefined;
  /** Equality on members of the input, by path; see core/input-path.ts. */
  readonly input?: Readonly<Record<string, string>> | undefined;
  /** Case-insensitive (ASCII) substring of the error's detail. */
  readonly error?: string | undefined;
};

/** One page of a list. */
export type OperationPage = {
  /** Newest first. */
  readonly operations: readonly Operation[];
  /** Where the next page starts; null at the end. A filtered page may be short and still have a next one. */
  readonly nextBeforeId: string | null;
};

/** What a store knows of a task: its counters, exact in every commit, and whether it is paused. */
export type TaskRecord = {
  readonly task: string;
  readonly paused: boolean;
  readonly pending: number;
  readonly processing: number;
  /** Counted since the store was made; removing operations does not lower it. */
  readonly completed: number;
  readonly failed: number;
  /**
   * The readyAt of the pending operation (ready or parked) that could have run for the longest;
   * null: none waits.
   */
  readonly oldestPendingAt: number | null;
  /**
   * Mean time from the start of the last attempt to completion, exponentially weighted
   * (meanDurationMs in store/durations.ts); null before the first completion.
   */
  readonly meanDurationMs: number | null;
};

/** The queue at one instant: pending operations in the order of claims, and running ones. */
export type StoredQueue = {
  readonly waiting: readonly (Pick<Operation, 'id' | 'task' | 'priority' | 'readyAt'> & {
    readonly key: string | null;
    readonly startedAt: number | null;
  })[];
  readonly running: readonly (Pick<Operation, 'id' | 'task' | 'startedAt' | 'progress'> & {
    readonly key: string | null;
  })[];
};

/** A short text by which engines on one store leave each other information. */
export type Note = {
  readonly name: string;
  readonly text: string;
  /** Instant in ms. */
  readonly writtenAt: number;
  /** How long ago that was, by the same clock that wrote `writtenAt`; never below 0. */
  readonly ageMs: number;
};

/**
 * How much one pruneExpired removed of each kind; where a number equals the limit, more may be
 * left.
 */
export type PruneOutcome = {
  /** Deliveries past removeAt. */
  readonly deliveries: number;
  /** Endpoints of kind `request` whose last delivery was among them. */
  readonly endpoints: number;
  readonly operations: number;
  readonly goneIds: number;
  readonly idempotencyKeys: number;
};
