import { closeSync, fdatasync, openSync } from 'node:fs';

/**
 * Brings the write-ahead log to the disk, beside the event loop.
 *
 * `synchronous = FULL` would do it inside COMMIT, in the one thread that also answers requests.
 * There it took 12 % of an end-to-end profile (64 clients), during which no request was answered.
 * With `NORMAL` and this call before any caller is answered, the same bytes are on the disk at the
 * same point, and the thread goes on meanwhile.
 *
 * This is safe because a log is only read up to its first frame with a wrong checksum: a loss of
 * power always takes the end of it, and nobody has been told of the end. Checkpoints sync by
 * themselves under NORMAL. A handle of our own reports write errors as SQLite's own would (Linux
 * keeps them per open file). The log file carries no POSIX locks, so closing this handle drops
 * none.
 */
export class LogSync {
  readonly #fd: number;

  /**
   * The log of an open database; it exists from the first write on and keeps its inode until the
   * last close.
   */
  constructor(databasePath: string) {
    this.#fd = openSync(`${databasePath}-wal`, 'r+');
  }

  /** Calls back once everything written so far is on the disk, or with the error of the disk. */
  sync(done: (error: Error | null) => void): void {
    fdatasync(this.#fd, done);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
