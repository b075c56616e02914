import type { WriteConnection } from './connection.ts';
import { isFsyncFailure, isOutage, reason, storeError, unavailable } from './sqlite-error.ts';

/**
 * Group commit: all writes asked for in one turn of the event loop become one transaction, flushed by
 * setImmediate. Nothing waits for company: a lone write is flushed at the end of its own turn, and while
 * a commit waits for the disk the next turn's writes gather by themselves.
 *
 *   write() … write() … writeLast()   one turn
 *   └─ setImmediate: BEGIN IMMEDIATE, writes in order, then the claims, counters, COMMIT, resolve all
 *
 * Claims run last so that they see what the same turn created and settled.
 *
 * When a write throws that should not (a defect, a duplicate id), everything is rolled back and each
 * runs again alone: only the culprit rejects. When SQLite reports an outage (full disk, I/O error) or the
 * COMMIT fails, all of them reject with `store_unavailable`: what became of them is unknown until
 * someone looks. After a failed fsync nothing is written any more: see isFsyncFailure.
 */
type Job = {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};

export type GroupCommitHooks = {
  /** In the transaction, after all writes: what is written once per commit. */
  readonly beforeCommit: () => void;
  /** The commit is durable; callers have not been told yet. */
  readonly afterCommit: () => void;
  /** What was done in memory alongside the writes is void. */
  readonly afterRollback: () => void;
};

/** Pages in the write-ahead log at which it is moved into the file: 4 MiB, SQLite's own default. */
const checkpointFrames = 1_000;

export class GroupCommit {
  readonly #connection: WriteConnection;
  readonly #hooks: GroupCommitHooks;
  readonly #flush = (): void => {
    this.flush();
  };
  #jobs: Job[] = [];
  #lastJobs: Job[] = [];
  #flushScheduled = false;
  #checkpointScheduled = false;
  /** Why nothing can be written any more. */
  #broken: Error | null = null;
  #closed: Error | null = null;

  constructor(connection: WriteConnection, hooks: GroupCommitHooks) {
    this.#connection = connection;
    this.#hooks = hooks;
  }

  /** The disk failed in a way after which this process may not write to the file again. */
  get isBroken(): boolean {
    return this.#broken !== null;
  }

  /** Runs `run` in this turn's transaction and resolves with what it returns once that is on disk. */
  write<Outcome>(run: () => Outcome): Promise<Outcome> {
    return this.#enqueue(this.#jobs, run);
  }

  /** As write(), after all writes of the turn. */
  writeLast<Outcome>(run: () => Outcome): Promise<Outcome> {
    return this.#enqueue(this.#lastJobs, run);
  }

  /** Refuses all further writes with `error`; what is queued is still committed. */
  close(error: Error): void {
    this.#closed = error;
    this.flush();
  }

  /** Commits what is queued, now. Never throws: every outcome goes to the caller of its write. */
  flush(): void {
    this.#flushScheduled = false;
    const jobs = this.#lastJobs.length === 0 ? this.#jobs : [...this.#jobs, ...this.#lastJobs];
    if (jobs.length === 0) return;
    this.#jobs = [];
    this.#lastJobs = [];
    this.#commitTogether(jobs);
    this.#scheduleCheckpoint();
  }

  #enqueue<Outcome>(queue: Job[], run: () => Outcome): Promise<Outcome> {
    const refusal = this.#closed ?? this.#broken;
    if (refusal !== null) return Promise.reject(refusal);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      setImmediate(this.#flush);
    }
    return new Promise((resolve, reject) => {
      queue.push({ run, resolve: resolve as (value: unknown) => void, reject });
    });
  }

  #commitTogether(jobs: readonly Job[]): void {
    if (this.#broken !== null) {
      this.#rejectAll(jobs, this.#broken);
      return;
    }
    const outcomes: unknown[] = [];
    try {
      this.#connection.begin();
      for (const job of jobs) outcomes.push(job.run());
      this.#hooks.beforeCommit();
    } catch (error) {
      this.#rollBack();
      if (jobs.length === 1 || isOutage(error)) this.#rejectAll(jobs, storeError(error));
      else for (const job of jobs) this.#commitTogether([job]);
      return;
    }
    try {
      this.#connection.commit();
      this.#hooks.afterCommit();
    } catch (error) {
      this.#rollBack();
      this.#rejectAll(jobs, this.#commitFailure(error));
      return;
    }
    for (const [i, job] of jobs.entries()) job.resolve(outcomes[i]);
  }

  #commitFailure(error: unknown): Error {
    if (isFsyncFailure(error)) {
      this.#broken = unavailable(
        'The disk failed to store a commit: nothing is written until the process is restarted.',
        error,
      );
      return this.#broken;
    }
    const message = `The commit failed (${reason(error)}): it may or may not have been stored.`;
    return unavailable(message, error);
  }

  #rollBack(): void {
    try {
      this.#connection.rollback();
      this.#hooks.afterRollback();
    } catch (error) {
      this.#broken = unavailable(
        `A failed write could not be undone (${reason(error)}): the process must be restarted.`,
        error,
      );
    }
  }

  #rejectAll(jobs: readonly Job[], error: unknown): void {
    for (const job of jobs) job.reject(error);
  }

  /** In the turn after the commit, so that its callers are answered first. */
  #scheduleCheckpoint(): void {
    if (this.#checkpointScheduled || this.#logFrames() < checkpointFrames) return;
    this.#checkpointScheduled = true;
    setImmediate(() => {
      this.#checkpointScheduled = false;
      if (this.#closed === null) this.checkpoint('passive');
    });
  }

  #logFrames(): number {
    try {
      return this.#connection.logFrames();
    } catch {
      return 0; // The disk fails; the next commit reports it.
    }
  }

  /**
   * A checkpoint that fails loses nothing, the log stays; the next commit tries again. Not so after an
   * fsync error: the log must not be reused then, so nothing may be written.
   */
  checkpoint(mode: 'passive' | 'truncate'): void {
    if (this.#broken !== null) return;
    try {
      this.#hooks.afterCommit();
      this.#connection.checkpoint(mode);
    } catch (error) {
      if (isFsyncFailure(error)) this.#commitFailure(error);
    }
  }
}
