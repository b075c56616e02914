import { statSync } from 'node:fs';
import { RaincheckError } from '../core/errors.ts';
import { DatabaseSync } from './sqlite.ts';
import { isBusy, unavailable } from './sqlite-error.ts';

/**
 * One process per file. The lock is an exclusive transaction on a second, empty database beside it,
 * held as long as the store is open. It is the kernel's lock on that file (fcntl), so it ends with
 * the process however that ends, kill -9 included, and cannot go stale the way a file with a pid
 * does.
 *
 * A lock on the database itself would shut out readers, too: backups and the sqlite3 shell.
 *
 * The kernel locks the file, not its name: if somebody removes the lock file, a second process
 * could get in. Two things prevent that: the holder checks that its lock file still exists
 * (lost()), and a process that creates a new lock file checks whether the holder noted in the
 * database is alive (holder.ts).
 */
export type FileLock = {
  /** Identifies the locked file, as inodeOf() does. */
  readonly inode: string;
  /**
   * Why this process must not write any more; null: it may. Costs a stat, once a second at most.
   */
  lost(): Error | null;
  release(): void;
};

/** For how long the last check of the lock file counts, in ms. */
const lookMs = 1_000;

/**
 * Throws `store_locked` when another process holds the lock. `whoHolds` names it, for the message.
 */
export function lockFile(path: string, whoHolds: () => string): FileLock {
  const lockPath = `${path}.lock`;
  const db = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    throw lockedBy(path, whoHolds(), error);
  }
  const inode = inodeOf(lockPath) ?? '';
  let lookedAt = performance.now();
  return {
    inode,
    lost: () => {
      const now = performance.now();
      if (now - lookedAt < lookMs) return null;
      lookedAt = now;
      // The file that we hold open keeps its inode, even when removed: no other file can get it.
      if (inodeOf(lockPath) === inode) return null;
      return unavailable(
        `The lock file ${lockPath} was removed or replaced, so another process may have the database: nothing is written until this one (pid ${process.pid}) is restarted.`,
      );
    },
    release: () => {
      db.close();
    },
  };
}

export function lockedBy(path: string, holder: string, cause?: unknown): RaincheckError {
  return new RaincheckError(
    'store_locked',
    `${path} is in use by ${holder}. Stop that process, or give this one another file: --store or RAINCHECK_STORE, or the option \`store\`.`,
    { cause },
  );
}

/** Device and inode: the file itself, whatever its name. null: there is none. */
export function inodeOf(path: string): string | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? null : `${found.dev}:${found.ino}`;
}
