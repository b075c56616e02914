import { statSync } from 'node:fs';
import { RaincheckError } from '../core/errors.ts';
import { ReadConnection, WriteConnection } from './connection.ts';
import {
  applicationId,
  incompatible,
  newerVersion,
  notOurs,
  openFailure,
  prepareFile,
  requireNodeVersion,
  requireSqliteVersion,
} from './database-file.ts';
import { lockFile, type FileLock } from './file-lock.ts';
import { clearHolder, holderOf, noteHolder, refuseHeld } from './holder.ts';
import { migrations, schemaVersion } from './migrations.ts';
import { isUnusableCode, isUnusableFile, unavailable } from './sqlite-error.ts';
import { recoverClaims } from './delivery-recovery.ts';

export type OpenFile = {
  readonly path: string;
  readonly writer: WriteConnection;
  readonly reader: ReadConnection;
  readonly lock: FileLock;
  readonly synchronous: 'full' | 'normal';
};

/**
 * Larger files are not checked page by page at start, which would read all of it, at about 1 s per
 * GB.
 */
const quickCheckBytesMax = 64 * 1_048_576;

/** Disk space that the log keeps between checkpoints; after a larger burst the rest is freed. */
const logBytesMax = 64 * 1_048_576;

/**
 * Real paths that this process has open. Closing any handle of a file drops all locks the process
 * has on it (POSIX), so a second opening must be refused before it touches the file.
 */
const openPaths = new Set<string>();

/**
 * Checks, locks, opens and migrates the file. Throws `store_incompatible` and leaves the file
 * unchanged when it is not ours, damaged, newer or not writable; `store_locked` when another
 * process has it; `store_unavailable` when the disk is full or fails, so that a later try may work.
 */
export function openFile(path: string, p: { readonly synchronous: 'full' | 'normal' }): OpenFile {
  requireNodeVersion(process.versions.node);
  requireSqliteVersion(process.versions['sqlite'] ?? '0');
  const real = prepareFile(path, refuseOpenHere);
  let lock: FileLock | undefined;
  let writer: WriteConnection | undefined;
  try {
    lock = lockFile(real, () => holderOf(real));
    writer = new WriteConnection(real, p);
    refuseUnusable(real, writer, lock);
    migrate(writer);
    noteHolder(real, writer, lock);
    recoverClaims(writer);
    const reader = new ReadConnection(real);
    // From here on LogSync brings commits to the disk when the option is `full`.
    writer.exec('PRAGMA synchronous = NORMAL');
    writer.waitBriefly();
    openPaths.add(real);
    return { path: real, writer, lock, reader, synchronous: p.synchronous };
  } catch (error) {
    writer?.close();
    lock?.release();
    throw isUnusableFile(error) ? damaged(real, error) : openFailure(real, error);
  }
}

/**
 * The last connection to a file checkpoints it when it closes. After a failed fsync that must not
 * happen; then the reader is closed last, because it cannot checkpoint.
 */
export function closeFile(file: OpenFile, p: { readonly mayCheckpoint: boolean }): void {
  const { writer, reader } = file;
  if (p.mayCheckpoint) clearHolder(writer);
  for (const connection of p.mayCheckpoint ? [reader, writer] : [writer, reader]) {
    connection.close();
  }
  openPaths.delete(file.path);
  file.lock.release();
}

function refuseOpenHere(real: string): void {
  if (!openPaths.has(real)) return;
  throw new RaincheckError(
    'store_locked',
    `${real} is in use by this very process (pid ${process.pid}). Share that store, or use another file.`,
  );
}

function refuseUnusable(path: string, writer: WriteConnection, lock: FileLock): void {
  const version = Number(writer.scalar('PRAGMA user_version'));
  const tables = Number(writer.scalar('SELECT count(*) FROM sqlite_schema'));
  const id = Number(writer.scalar('PRAGMA application_id'));
  const isNew = id === 0 && version === 0 && tables === 0;
  if (isNew) return;
  if (id !== applicationId) throw notOurs(path);
  if (version > schemaVersion) throw newerVersion(path, version);
  refuseHeld(path, writer, lock);
  if (statSync(path).size > quickCheckBytesMax) return;
  const found = writer.scalar('PRAGMA quick_check(1)');
  if (found !== 'ok') throw unsound(path, String(found));
}

/**
 * quick_check reports unreadable pages in the same way as damaged ones; only the error code
 * differs.
 */
function unsound(path: string, found: string): RaincheckError {
  const cause = new Error(found);
  const code = /error code=(\d+)/.exec(found)?.[1];
  if (code === undefined || isUnusableCode(Number(code))) return damaged(path, cause);
  return unavailable(`${path} could not be read: the disk reports an error.`, cause);
}

function damaged(path: string, cause: unknown): RaincheckError {
  return incompatible(
    `${path} is damaged. Put it aside and restore a backup, or save what is readable with \`sqlite3 ${path} .recover\`. The file is unchanged.`,
    cause,
  );
}

/**
 * A new file gets its first steps before it becomes a WAL database. So, whenever the power fails,
 * it is either empty, or complete and marked as ours.
 */
function migrate(writer: WriteConnection): void {
  migrateTo(writer, schemaVersion);
  writer.exec(`PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = ${logBytesMax};`);
}

/** Runs the missing steps up to `version`. */
export function migrateTo(writer: WriteConnection, version: number): void {
  const from = Number(writer.scalar('PRAGMA user_version'));
  for (const [i, sql] of migrations.slice(0, version).entries()) {
    if (i < from) continue;
    writer.begin();
    try {
      writer.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${i + 1};`);
      writer.exec(sql);
      writer.commit();
    } catch (error) {
      writer.rollback();
      throw error;
    }
  }
}
