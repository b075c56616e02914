import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RaincheckError } from '../core/errors.ts';
import { schemaVersion } from './migrations.ts';
import { nodeNeeded } from './sqlite.ts';
import { isBusy, isDenied, isFull, isOutage, sqliteCode, unavailable } from './sqlite-error.ts';

/**
 * Checks of the file before SQLite touches it: a file that is not ours stays unchanged, and not
 * even a lock file appears beside it.
 */

/** 'RAIN' as SQLite's application_id (https://sqlite.org/pragma.html#pragma_application_id). */
export const applicationId = 0x5241494e;

/**
 * Before 3.51.3 a checkpoint at the wrong moment could corrupt a WAL database
 * (sqlite.org/wal.html#walresetbug).
 */
const sqliteVersionMin = '3.51.3';

/** File systems whose locks or shared memory do not hold between machines (linux/magic.h). */
const networkFileSystems = new Map<number, string>([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
]);

export function requireSqliteVersion(version: string): void {
  if (compareVersions(version, sqliteVersionMin) >= 0) return;
  throw incompatible(
    `This Node has SQLite ${version}, which can corrupt its log; ${sqliteVersionMin} or newer is needed: update Node 24.`,
  );
}

/**
 * Node 22 may have a good SQLite, but returns rows in another shape, so that every file would look
 * like a foreign one.
 */
export function requireNodeVersion(version: string): void {
  if (compareVersions(version, '24.0.0') >= 0) return;
  throw incompatible(nodeNeeded(version));
}

/**
 * The absolute path, with links resolved so that one file has one lock. Creates missing folders and
 * the file. Calls `refuse` with the path before the file is opened for the first time.
 */
export function prepareFile(path: string, refuse: (real: string) => void): string {
  if (path === '' || path.startsWith(':')) {
    throw new RaincheckError(
      'invalid_option',
      `Expected \`path\` to be the path of a file, got '${path}'.`,
    );
  }
  const absolute = resolve(path);
  try {
    mkdirSync(dirname(absolute), { recursive: true });
    refuseNetwork(absolute);
    if (existsSync(absolute)) refuse(realpathSync(absolute));
    // Opens for writing, creates the file when missing, and changes nothing.
    closeSync(openSync(absolute, 'a'));
    const real = realpathSync(absolute);
    refuseForeign(real);
    return real;
  } catch (error) {
    throw openFailure(absolute, error);
  }
}

/** What opening throws for `error`: an error that a person can act on, or a defect unchanged. */
export function openFailure(path: string, error: unknown): unknown {
  const isTold = error instanceof RaincheckError;
  const isDefect = sqliteCode(error) === null && systemCode(error) === '';
  return isTold || isDefect ? error : unusable(path, error);
}

/** With less free space than this SQLite cannot create the files it needs beside the database. */
const freeBytesMin = 1_048_576;

/**
 * An error that says what a person can do about a file that cannot be opened: free space, try
 * later, or grant access.
 */
function unusable(path: string, error: unknown): RaincheckError {
  const why = error instanceof Error ? error.message : String(error);
  if (isDiskFull(path, error)) {
    return unavailable(
      `${path} cannot be opened: the disk is full (${why}). Free some space, then start again.`,
      error,
    );
  }
  if (isOutage(error) ? !isDenied(error) : passingCodes.has(systemCode(error))) {
    return unavailable(`${path} cannot be opened now: ${why}.`, error);
  }
  return incompatible(
    `${path} cannot be used as the database: ${why}. The file and its folder must be writable by this process.`,
    error,
  );
}

/** Errors of system calls that may pass, and that say nothing about access. */
const passingCodes = new Set(['EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN', 'EBUSY', 'EINTR']);
const fullCodes = new Set(['ENOSPC', 'EDQUOT']);

function systemCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' && /^E[A-Z0-9]+$/.test(error.code) ? error.code : '';
}

/**
 * SQLite reports a full disk as an I/O error when it creates the file that it shares with its
 * readers.
 */
function isDiskFull(path: string, error: unknown): boolean {
  if (isFull(error) || fullCodes.has(systemCode(error))) return true;
  if (!isOutage(error) || isBusy(error)) return false;
  try {
    const { bavail, bsize } = statfsSync(dirname(path));
    return bavail * bsize < freeBytesMin;
  } catch {
    return false;
  }
}

export function incompatible(message: string, cause?: unknown): RaincheckError {
  return new RaincheckError('store_incompatible', message, { cause });
}

export function newerVersion(path: string, version: number): RaincheckError {
  return incompatible(
    `${path} was written by a newer Raincheck (schema ${version}, this one knows ${schemaVersion}): update this one. The file is unchanged.`,
  );
}

export function notOurs(path: string): RaincheckError {
  return incompatible(`${path} is not a Raincheck database. The file is unchanged.`);
}

/** Throws `store_incompatible` when the folder of `path`, which must exist, is on a network file system. */
export function refuseNetwork(path: string): void {
  const kind = networkFileSystems.get(statfsSync(dirname(path)).type);
  if (kind === undefined) return;
  throw incompatible(
    `${path} is on a network file system (${kind}), where SQLite's locks do not hold: use a local disk.`,
  );
}

/**
 * Reads the 100-byte header (https://sqlite.org/fileformat.html#the_database_header). A file of
 * ours lacks our mark only if the power failed while it was created; then its rollback journal
 * still exists.
 */
function refuseForeign(path: string): void {
  if (statSync(path).size === 0) return;
  const header = Buffer.alloc(100);
  const file = openSync(path, 'r');
  try {
    const bytes = readSync(file, header, 0, 100, 0);
    if (bytes < 100 || header.toString('latin1', 0, 16) !== 'SQLite format 3\0') {
      throw notOurs(path);
    }
    const id = header.readUInt32BE(68);
    const isHalfMade = id === 0 && existsSync(`${path}-journal`);
    if (id !== applicationId && !isHalfMade) throw notOurs(path);
  } finally {
    closeSync(file);
  }
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let i = 0; i < 3; i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
