import { DatabaseSync } from 'node:sqlite';
import { RaincheckError } from '../core/errors.ts';
import { isBusy } from './sqlite-error.ts';

/**
 * One process per file. The lock is an exclusive transaction on a second, empty database beside it, held
 * as long as the store is open: it is the kernel's lock on that file (fcntl), so it ends with the process
 * however that ends, kill -9 included, and it cannot go stale the way a file with a pid does.
 *
 * A lock on the database itself would shut out readers, too: backups and the sqlite3 shell.
 */
export type FileLock = { release(): void };

/** Throws `store_locked` when another holder has it. `whoHolds` says who, for the message. */
export function lockFile(path: string, whoHolds: () => string): FileLock {
  const db = new DatabaseSync(`${path}.lock`, { timeout: 0 });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!isBusy(error)) throw error;
    throw new RaincheckError(
      'store_locked',
      `${path} is in use by ${whoHolds()}. Stop that process, or give this one a file of its own.`,
      { cause: error },
    );
  }
  return {
    release: () => {
      db.close();
    },
  };
}
