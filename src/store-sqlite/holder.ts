import { readFileSync } from 'node:fs';
import type { WriteConnection } from './connection.ts';
import { inodeOf, lockedBy, type FileLock } from './file-lock.ts';
import { DatabaseSync } from './sqlite.ts';

/**
 * Which process has the file, noted in the file itself. The note is for the message to a process
 * that finds the file locked, and for a process that finds a new lock file because somebody removed
 * the one that is held.
 */
type Holder = {
  readonly pid: number;
  /** ISO, for people. */
  readonly startedAt: string;
  /** Distinguishes it from a later process with the same pid: processStart(). */
  readonly process: string | null;
  /**
   * The database, so that a copy of it (a backup) counts as held by nobody; and the lock file. Both
   * as inodeOf() gives them.
   */
  readonly file: string | null;
  readonly lock: string;
};

const selectHolderSql = `
SELECT value
FROM meta
WHERE name = 'holder'`;

const setHolderSql = `
INSERT INTO meta (name, value)
VALUES ('holder', ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

const clearHolderSql = `
DELETE FROM meta
WHERE name = 'holder'`;

export function noteHolder(path: string, writer: WriteConnection, lock: FileLock): void {
  const holder: Holder = {
    pid: process.pid,
    startedAt: new Date(Date.now() - process.uptime() * 1000).toISOString(),
    process: processStart(process.pid),
    file: inodeOf(path),
    lock: lock.inode,
  };
  writeMeta(writer, setHolderSql, JSON.stringify(holder));
}

/** For an orderly close. If this fails, the kernel's lock ends all the same. */
export function clearHolder(writer: WriteConnection): void {
  try {
    writeMeta(writer, clearHolderSql);
  } catch {
    // Then the note stays, beside a lock file that is free.
  }
}

function writeMeta(writer: WriteConnection, sql: string, ...values: string[]): void {
  writer.begin();
  try {
    writer.prepare(sql).run(...values);
    writer.commit();
  } catch (error) {
    writer.rollback();
    throw error;
  }
}

/**
 * Throws `store_locked` when the noted process is alive and locked another lock file than we did.
 */
export function refuseHeld(path: string, writer: WriteConnection, lock: FileLock): void {
  const holder = parsed(writer.scalar(selectHolderSql));
  if (holder === null || holder.pid === process.pid) return;
  // It is the same lock file, and we hold its lock: the other process has released it.
  if (holder.lock === lock.inode || holder.file !== inodeOf(path)) return;
  if (isAlive(holder)) throw lockedBy(path, described(holder));
}

/**
 * Which process has the file, for people to read; a process that is just starting or ending is
 * unknown.
 */
export function holderOf(path: string): string {
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 500 });
    try {
      const holder = parsed(db.prepare(selectHolderSql).get()?.['value']);
      if (holder !== null) return described(holder);
    } finally {
      db.close();
    }
  } catch {
    // Only the message suffers.
  }
  return 'another process';
}

function described({ pid, startedAt }: Holder): string {
  return `the process with pid ${pid} (running since ${startedAt})`;
}

/** null: there is no note, or an older version wrote one with less. */
function parsed(json: unknown): Holder | null {
  if (typeof json !== 'string') return null;
  const holder: unknown = JSON.parse(json);
  if (typeof holder !== 'object' || holder === null || !('lock' in holder)) return null;
  return holder as Holder;
}

function isAlive(holder: Holder): boolean {
  if (holder.process !== null) return processStart(holder.pid) === holder.process;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * The boot and the tick at which a process started (proc(5)); null where /proc does not tell, or
 * when the process has ended.
 */
function processStart(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The 2nd field is a name in parentheses that may hold anything; the 22nd is the start.
    const fromThird = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fromThird[0] === 'Z') return null; // dead, its parent has not looked yet
    return `${boot}:${fromThird[19]}`;
  } catch {
    return null;
  }
}
