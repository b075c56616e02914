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
 * The half of Store that keeps operations, with their attempts, inputs, results, lines and idempotency keys; and tasks
 * and notes. The contract of Store holds for every verb. A new operation is newOperation(), beside this file.
 */
export type OperationStore = {
  // Accept
  /**
   * Idempotency key, operation and queue entry in one commit. One outcome for each, in order. A key is
   * looked up before the caps, the task's own cap before the total; a key is unused again at its expiresAt.
   */
  createOperations(p: CreateOperations): Promise<CreateOutcome[]>;

  // Work
  /**
   * Takes up to `limit` ready operations, best first over all tasks, under new leases. Exact to every
   * concurrency limit. Scheduled ones that are due become ready first, whatever is then taken.
   */
  claimOperations(p: ClaimOperations): Promise<ClaimOutcome>;
  /** Ends attempts: completed, failed or released. Frees their concurrency slots in the same commit. */
  settleAttempts(p: SettleAttempts): Promise<SettleOutcome[]>;
  /** The heartbeat: extends leases, records progress, and brings back wishes to cancel. */
  extendLeases(p: ExtendLeases): Promise<ExtendOutcome[]>;
  /**
   * Keeps lines that handlers wrote, in order, the latest limits.logChunks chunks of an operation (log-chunks.ts). Their
   * operation's version stays. The power, and only the power, may take what was kept last.
   */
  appendLogs(p: AppendLogs): Promise<AppendOutcome[]>;
  /** Recovers attempts whose worker is lost and fails operations that waited too long. */
  sweepExpired(p: SweepExpired): Promise<SweepOutcome>;

  // Ask
  /** null: never existed, or was removed (then `isGone` tells). */
  readOperation(p: { readonly id: string }): Promise<Operation | null>;
  /** Whether the id belonged to an operation that was removed or has expired, and is still remembered. */
  isGone(p: { readonly id: string }): Promise<boolean>;
  /** The input as JSON text, as it was accepted; null when there is no such operation. */
  readInput(p: { readonly id: string }): Promise<string | null>;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive) of a stored result, in chunks of at most
   * limits.resultChunkBytes. Only for results that are not inline. Yields less when the result is
   * removed meanwhile: the reader compares the length.
   */
  readResult(p: {
    readonly id: string;
    readonly start: number;
    readonly end: number;
  }): AsyncIterable<Uint8Array>;
  /** One page of the operations that match, newest first. */
  listOperations(p: ListOperations): Promise<OperationPage>;
  /** Attempts that did not complete their operation: the latest limits.attemptsShown, oldest of them first. */
  listAttempts(p: { readonly id: string }): Promise<EndedAttempt[]>;
  /** Lines with a number above `after`, in order, at most `limit`; none when there is no such operation. */
  readLogs(p: ReadLogs): Promise<KeptLine[]>;

  // Steer
  /** One that waits fails with `cancelled` in this commit; one that runs is told by its next heartbeat, and its worker ends it. */
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
  /** A paused task is not claimed, nor looked at by claims; what runs goes on. The task need not be known. */
  setTaskPaused(p: { readonly task: string; readonly paused: boolean }): Promise<void>;
  /** Every task that ever had an operation accepted or was paused or resumed, by name. Costs O(tasks), whatever the number of operations. */
  readTasks(): Promise<TaskRecord[]>;

  // Notes
  /** The text kept under `name`; null: none. */
  readNote(p: { readonly name: string }): Promise<string | null>;
  /**
   * Keeps `text` under `name`, in place of what was there, and when that was: what an engine would only miss if it were
   * lost. For a few names, of ASCII, and texts of at most limits.noteChars.
   */
  writeNote(p: {
    readonly name: string;
    readonly text: string;
    readonly now: number;
  }): Promise<void>;
  /** Those whose names begin with `prefix`, by name: the first limits.notesRead of them. */
  readNotes(p: { readonly prefix: string; readonly now: number }): Promise<Note[]>;
  /**
   * Removes those of `names`, limits.notesRead at most, that were written `unwrittenMs` ago or earlier (0: whenever), so
   * that nobody removes what its writer has just renewed. How many they were.
   */
  removeNotes(p: {
    readonly names: readonly string[];
    readonly unwrittenMs: number;
    readonly now: number;
  }): Promise<number>;

  /**
   * As writeNote, if the note is as it was: written at `over`, or, with null, not there. Each writing has a later
   * `writtenAt` than the one before, so that of several who read the same one alone replaces it.
   */
  replaceNote(p: {
    readonly name: string;
    readonly text: string;
    readonly over: number | null;
    readonly now: number;
  }): Promise<'replaced' | 'changed'>;
  /**
   * All that waits, in the order of claims whatever its state, `limit` at most, and what runs, as narrow as it goes: for
   * whoever foresees the queue for all. Only where several processes share the store; one that is alone knows.
   */
  readonly readQueue?: ((p: { readonly limit: number }) => Promise<StoredQueue>) | undefined;

  // Keep
  /**
   * Removes what has expired: operations, remembered ids, idempotency keys, deliveries; at most `limit` of each. The
   * id of an expired operation is remembered for as long again: until expiresAt + retentionMs.
   */
  pruneExpired(p: { readonly now: number; readonly limit: number }): Promise<PruneOutcome>;
};

/** The parts of an operation that the caller decides at accept; the store fills in the rest as in newOperation(). */
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
  /** Pending operations of this task at which the queue is full; null: no cap of its own. */
  readonly taskPendingMax: number | null;
};

/** An Idempotency-Key and what it was used for: kept with the operation, in the same commit. */
export type IdempotencyKey = {
  /** Whose key it is: keys of different scopes never meet. */
  readonly scope: string;
  readonly key: string;
  /** Hash of the request; the same key with another hash is refused. */
  readonly fingerprint: string;
  /** Instant in ms; from then on it may be used again. */
  readonly expiresAt: number;
};

/** What createOperations takes: operations whose ids are new. */
export type CreateOperations = {
  readonly operations: readonly NewOperation[];
  /** Pending operations over all tasks at which the queue is full. */
  readonly pendingMax: number;
  /** Absent: they wait for a claim. Ignored by a store without `capabilities.claimsAtAccept`. */
  readonly claim?: ClaimAtAccept | undefined;
  readonly now: number;
};

/**
 * The caller has a free slot for each of the operations and would run them itself. Each that is ready and has no
 * concurrency key, and whose task is not paused, runs under a lease of the caller from the commit that creates it, if
 * nobody who waits is passed over by that. Only for tasks without limits: a claim alone keeps to those.
 */
export type ClaimAtAccept = Pick<ClaimOperations, 'worker' | 'leaseMs'> & {
  /** The lease token for the operation of that id: another for each, and the same when asked again. */
  readonly tokenOf: (id: string) => string;
  /** What the caller claims: what waits of these could want its slots. */
  readonly tasks: readonly string[];
  /** Free slots of the caller beside those: while no more than these wait, each of them has one. */
  readonly spareSlots: number;
};

/** What became of one operation that was to be created. */
export type CreateOutcome =
  /** `running`: claimed at accept. */
  | { readonly outcome: 'created'; readonly operation: Operation }
  /** The key was used before for the same request: here is its operation as it is now. */
  | { readonly outcome: 'replayed'; readonly operation: Operation }
  /** The key was used for the same request, but its operation has been removed since. */
  | { readonly outcome: 'replayed_gone'; readonly operationId: string }
  /** The key was used before for another request; nothing is created. */
  | { readonly outcome: 'key_reused' }
  /** `pending`: how many there are, of the task or over all, whichever of the caps is reached. */
  | { readonly outcome: 'queue_full'; readonly pending: number; readonly pendingMax: number };

/** What claimOperations takes. */
export type ClaimOperations = {
  /** Who claims: recorded with the lease and the attempt. */
  readonly worker: string;
  /** Makes lease tokens: called once for each claimed operation, never returns the same twice. */
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

/** What was claimed, best first, and when to ask again. */
export type ClaimOutcome = {
  readonly claimed: readonly ClaimedOperation[];
  /**
   * When asking again may give something although nothing else happens: the earliest readyAt of a
   * scheduled operation of these tasks, or `now` when the scan stopped at its own limit; null: nothing known.
   */
  readonly nextDueAt: number | null;
};

/** An operation that runs now, under its new lease, with its input as JSON text. */
export type ClaimedOperation = { readonly operation: Operation; readonly input: string };

/** What settleAttempts takes. */
export type SettleAttempts = {
  readonly settlements: readonly Settlement[];
  /** What becomes final is told to webhooks in the same commit; absent: to none. */
  readonly outbox?: Outbox | undefined;
  readonly now: number;
};

/** How one attempt ended; nothing of it counts unless `token` still holds the lease. */
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
      /** Instant in ms; null: it was the last attempt. */
      readonly retryAt: number | null;
    }
  /** Handed back: uncounted, and ready again at its old place. */
  | { readonly type: 'released'; readonly id: string; readonly token: string };

/** lost: the token holds no lease any more, and nothing was written. */
export type SettleOutcome = 'applied' | 'lost';

/** What extendLeases takes: a worker's heartbeat for all that it runs. */
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

/** Of one lease; lost: it is another's, or the operation is final, and nothing was written. */
export type ExtendOutcome =
  | { readonly outcome: 'extended'; readonly cancelRequested: boolean }
  | { readonly outcome: 'lost' };

/** What appendLogs takes. */
export type AppendLogs = {
  readonly entries: readonly LogEntry[];
  readonly now: number;
};

/**
 * What the holder of a lease sends. `from`: how many lines it has sent before these. Lines that are there already, as
 * their answer was lost, are not kept twice: so it sends all that is not acknowledged, and more, as often as it takes.
 */
export type LogEntry = {
  readonly id: string;
  readonly token: string;
  readonly from: number;
  readonly lines: readonly LogLine[];
};

/** Of one entry; lost: the token holds no lease any more, and no line was kept. */
export type AppendOutcome = 'applied' | 'lost';

/** What readLogs takes. */
export type ReadLogs = {
  readonly id: string;
  /** The number of the last line that is known; 0: from the first. */
  readonly after: number;
  readonly limit: number;
};

/** What sweepExpired takes. */
export type SweepExpired = {
  readonly now: number;
  /** Operations that one sweep changes at most. */
  readonly limit: number;
  /** As many lost workers fail an operation with `worker_lost`. */
  readonly recoveriesMax: number;
  /** Default: there are none. */
  readonly own?: OwnTasks | undefined;
  /** true at the start of a single-process store: every lease is a dead process's. */
  readonly workerDead: boolean;
  /** Beside `workerDead`: that process was ended to make way for this one, so its attempts are as released ones. */
  readonly workerReplaced?: boolean | undefined;
  /** As in SettleAttempts. */
  readonly outbox?: Outbox | undefined;
};

/** What one sweep did. */
export type SweepOutcome = {
  /** Operations changed by this sweep, as they are now. */
  readonly changed: readonly Operation[];
  /** The sweep stopped at its limit: sweep again at once. */
  readonly more: boolean;
};

/** What a wish to cancel did, with the operation as it is afterwards. */
export type CancelOutcome =
  /** cancelled: it waited, and is final now · requested: it runs, and the wish is noted. */
  | { readonly outcome: 'cancelled' | 'requested' | 'already_final'; readonly operation: Operation }
  | { readonly outcome: 'missing' };

/** What listOperations takes. */
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
  /** One of these. */
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
  /** The tasks whose inputs `text` looks into; undefined: all. */
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
  /** Since the store was made; removal does not lower them. */
  readonly completed: number;
  readonly failed: number;
  /** Since when the pending operation that waits longest could have run (ready or parked): its readyAt; null: none waits. */
  readonly oldestPendingAt: number | null;
  /**
   * Mean time from the start of the last attempt to completion, exponentially weighted
   * (meanDurationMs in store/durations.ts); null before the first completion.
   */
  readonly meanDurationMs: number | null;
};

/** The queue at one instant. */
export type StoredQueue = {
  readonly waiting: readonly (Pick<Operation, 'id' | 'task' | 'priority' | 'readyAt'> & {
    readonly key: string | null;
    readonly startedAt: number | null;
  })[];
  readonly running: readonly (Pick<Operation, 'id' | 'task' | 'startedAt' | 'progress'> & {
    readonly key: string | null;
  })[];
};

/** A short text that engines on one store leave each other. */
export type Note = {
  readonly name: string;
  readonly text: string;
  /** Instant in ms. */
  readonly writtenAt: number;
  /** How long ago that was, by the clock that wrote `writtenAt`; 0 at least. */
  readonly ageMs: number;
};

/** How much one pruneExpired removed of each; where it is the limit there may be more. */
export type PruneOutcome = {
  /** Deliveries past removeAt. */
  readonly deliveries: number;
  /** Endpoints of kind `request` whose last delivery was among them. */
  readonly endpoints: number;
  readonly operations: number;
  readonly goneIds: number;
  readonly idempotencyKeys: number;
};
