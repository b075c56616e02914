import { RaincheckError } from '../core/errors.ts';

/**
 * SQLite's result codes that decide what we do (https://sqlite.org/rescode.html). node:sqlite puts the
 * extended code into `errcode`; its low byte is the primary code.
 */
const primary = {
  busy: 5,
  locked: 6,
  outOfMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  protocol: 15,
  notADatabase: 26,
} as const;
const outage: ReadonlySet<number> = new Set(Object.values(primary));

const ioErrorFsync = 1034;
const ioErrorDirFsync = 1290;

/** The extended result code of an error that SQLite raised; null for any other error. */
export function sqliteCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error)) return null;
  return typeof error.errcode === 'number' ? error.errcode : null;
}

/**
 * Whether the disk, the file or another process is at fault, which no argument of a call could
 * cause.
 */
export function isOutage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== null && outage.has(code & 0xff);
}

export function isBusy(error: unknown): boolean {
  return ((sqliteCode(error) ?? 0) & 0xff) === primary.busy;
}

export function isUnusableFile(error: unknown): boolean {
  return isUnusableCode(sqliteCode(error) ?? 0);
}

export function isUnusableCode(code: number): boolean {
  return (code & 0xff) === primary.corrupt || (code & 0xff) === primary.notADatabase;
}

export function isFull(error: unknown): boolean {
  return ((sqliteCode(error) ?? 0) & 0xff) === primary.full;
}

/** Whether the file or its folder is missing, or not writable for us. */
export function isDenied(error: unknown): boolean {
  const code = (sqliteCode(error) ?? 0) & 0xff;
  return code === primary.readOnly || code === primary.cannotOpen;
}

/**
 * Whether the kernel failed to bring pages to the disk. It may have marked them clean all the same,
 * so that the next fsync succeeds without them ("fsyncgate", 2018). Only a new process, which reads
 * the log again from the disk, knows what is there.
 */
export function isFsyncFailure(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === ioErrorFsync || code === ioErrorDirFsync;
}

/**
 * `store_unavailable` for an outage; any other error, a defect of ours or of the caller's, is
 * returned unchanged.
 */
export function storeError(error: unknown): unknown {
  if (!isOutage(error)) return error;
  return unavailable(`The database file cannot be used now: ${reason(error)}.`, error);
}

export function unavailable(message: string, cause?: unknown): RaincheckError {
  return new RaincheckError('store_unavailable', message, { cause, retryAfterSeconds: 5 });
}

/** SQLite's own words for the code: short, without paths or SQL. */
export function reason(error: unknown): string {
  if (error instanceof Error && 'errstr' in error && typeof error.errstr === 'string') {
    return error.errstr;
  }
  return 'unknown reason';
}
