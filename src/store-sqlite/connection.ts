import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import { DatabaseSync } from './sqlite.ts';
import { storeError, unavailable } from './sqlite-error.ts';

/**
 * The only place that touches node:sqlite's handles, wrapped so that no failed commit goes
 * unnoticed. The thread of checkpoint-worker.ts has one of its own, which reads and writes no rows.
 *
 * `StatementSync.get()` (and `.iterate()` left early) ignores an error of the implicit COMMIT:
 * measured on Node 24, an autocommit `INSERT … RETURNING` read with `.get()` "succeeds" on a full
 * disk with nothing stored. So writes exist only between `begin` and `commit`, which run through
 * `.run()` and throw, and a statement of the writer used outside them is a programming error.
 *
 * Rows come as arrays in the order of the SELECT: an object of 33 columns costs 7 µs more per row
 * than an array (18.5 against 11.7 µs, 2 cores of a 2026 cloud VM).
 *
 * Limits are written `LIMIT ? + 0`: the planner looks at the value of a bare `LIMIT ?`, so that
 * every binding compiles the statement anew (sqlite3Reprepare, 7 % of all CPU at one operation a
 * commit).
 */
export type Value = SQLInputValue;
export type Row = readonly SQLOutputValue[];

/** Pages in the write-ahead log, and how many of them are not in the file yet. */
export type LogFrames = { readonly total: number; readonly left: number };

/**
 * How long a statement waits for another process's lock on the file while the store opens, in ms.
 */
const busyMsAtOpen = 2_000;

/**
 * The same once the store is open. SQLite waits inside the one thread, so this is too short to be
 * noticed; GroupCommit retries.
 */
const busyMs = 10;

export class WriteConnection {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #beginRead: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #logFrames: StatementSync;
  #inTransaction = false;

  constructor(path: string, p: { readonly synchronous: 'full' | 'normal' }) {
    this.#db = openDatabase(path, false);
    try {
      // We run checkpoints ourselves (checkpoint()), because the automatic one swallows fsync
      // errors.
      this.#db.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = ${p.synchronous};`);
      this.#db.exec('PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;');
      this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
      this.#beginRead = this.#db.prepare('BEGIN');
      this.#commit = this.#db.prepare('COMMIT');
      this.#rollback = this.#db.prepare('ROLLBACK');
      this.#logFrames = this.#db.prepare('PRAGMA wal_checkpoint(NOOP)', { returnArrays: true });
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** Ends the opening: from here on no statement waits long for another process. */
  waitBriefly(): void {
    this.#db.exec(`PRAGMA busy_timeout = ${busyMs}`);
  }

  begin(): void {
    this.#begin.run();
    this.#inTransaction = true;
  }

  /** Begins a transaction that only reads; it needs no lock that another process could hold. */
  beginRead(): void {
    this.#beginRead.run();
    this.#inTransaction = true;
  }

  /** Throws what SQLite reports; then it is unknown whether the commit is on the disk. */
  commit(): void {
    this.#commit.run();
    this.#inTransaction = false;
  }

  /**
   * After some errors (full disk, I/O) SQLite has rolled back by itself. In any case no transaction
   * is open afterwards.
   */
  rollback(): void {
    this.#inTransaction = false;
    if (this.#db.isTransaction) this.#rollback.run();
  }

  prepare(sql: string): WriteStatement {
    return new WriteStatement(this, this.#db.prepare(sql, { returnArrays: true }));
  }

  /** Runs DDL and pragmas at start, inside or outside of a transaction. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  /** First column of the first row, for pragmas and checks at start. */
  scalar(sql: string): SQLOutputValue | undefined {
    const rows = this.#db.prepare(sql, { returnArrays: true }).all() as unknown as Row[];
    return rows[0]?.[0];
  }

  /** From a checkpoint that does nothing: 2 µs. */
  logFrames(): LogFrames {
    const [row] = this.#logFrames.all() as unknown as Row[];
    const total = Number(row?.[1] ?? 0);
    return { total, left: total - Number(row?.[2] ?? 0) };
  }

  /**
   * Moves the log into the file. `passive` never waits; `truncate` waits for readers and empties
   * the log. Throws when the disk fails.
   */
  checkpoint(mode: 'passive' | 'truncate'): void {
    this.#db.exec(`PRAGMA wal_checkpoint(${mode.toUpperCase()})`);
  }

  close(): void {
    this.#db.close();
  }
}

/** A statement that runs only within a transaction of its connection. */
export class WriteStatement {
  readonly #connection: WriteConnection;
  readonly #statement: StatementSync;

  constructor(connection: WriteConnection, statement: StatementSync) {
    this.#connection = connection;
    this.#statement = statement;
  }

  /**
   * By `get`, which makes no object of counts as node:sqlite's `run` does: 0.75 µs for an insertion
   * instead of 0.84.
   */
  run(...values: Value[]): void {
    this.#requireTransaction();
    this.#statement.get(...values);
  }

  /** As run(); returns the number of rows changed. */
  runCounted(...values: Value[]): number {
    this.#requireTransaction();
    return Number(this.#statement.run(...values).changes);
  }

  /** Returns the rowid of the row that it inserts. */
  insert(...values: Value[]): number {
    this.#requireTransaction();
    return Number(this.#statement.run(...values).lastInsertRowid);
  }

  /** For `ON CONFLICT DO NOTHING`: the rowid of the row that it inserts; null: there was one. */
  insertNew(...values: Value[]): number | null {
    this.#requireTransaction();
    const { changes, lastInsertRowid } = this.#statement.run(...values);
    return Number(changes) === 0 ? null : Number(lastInsertRowid);
  }

  all(...values: Value[]): Row[] {
    this.#requireTransaction();
    return this.#statement.all(...values) as unknown as Row[];
  }

  first(...values: Value[]): Row | undefined {
    this.#requireTransaction();
    return this.#statement.get(...values) as unknown as Row | undefined;
  }

  #requireTransaction(): void {
    if (!this.#connection.inTransaction) {
      throw new Error('A statement of the writer was used outside of the group commit.');
    }
  }
}

/**
 * Reads, on a connection of their own that cannot write and works on when the disk is full. The
 * reads of one turn of the event loop share a snapshot: opening and closing one for every statement
 * costs 4 µs of 9. The group commit holds the snapshot while a commit is on its way to the disk and
 * ends it then. So a read after a commit was acknowledged sees it, and no read sees it before.
 *
 * After some errors (I/O, memory) SQLite ends the transaction by itself. A snapshot lost while it
 * is held is not replaced, because a new one would show what is not on the disk yet: reads fail
 * until release().
 */
export class ReadConnection {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #end = (): void => {
    this.endSnapshot();
  };
  readonly #pin: StatementSync;
  #inSnapshot = false;
  #held = false;
  #closed = false;

  constructor(path: string) {
    this.#db = openDatabase(path, true);
    try {
      // No mmap: a disk error under a mapping is a SIGBUS, not an error code.
      this.#db.exec(`PRAGMA cache_size = -16384; PRAGMA busy_timeout = ${busyMs};`);
      this.#begin = this.#db.prepare('BEGIN');
      this.#commit = this.#db.prepare('COMMIT');
      this.#rollback = this.#db.prepare('ROLLBACK');
      this.#pin = this.#db.prepare('PRAGMA schema_version');
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  prepare(sql: string): ReadStatement {
    return new ReadStatement(this, this.#db.prepare(sql, { returnArrays: true }));
  }

  /** Begins the snapshot of this turn, if there is none yet. */
  enter(): void {
    if (this.#inSnapshot) return;
    if (this.#held) throw unavailable('A read failed on the disk a moment ago.');
    this.#begin.run();
    this.#inSnapshot = true;
    setImmediate(this.#end);
  }

  /**
   * Keeps this very snapshot, over turns and commits, until release(). Throws when not even a read
   * works.
   */
  hold(): void {
    try {
      this.enter();
      this.#pin.get(); // BEGIN alone takes no snapshot, the first read does
    } catch (error) {
      this.noteFailure();
      throw error;
    }
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.endSnapshot();
  }

  /**
   * Never throws: it runs in turns of its own and after commits, where nobody could handle an
   * error.
   */
  endSnapshot(): void {
    if (!this.#inSnapshot || this.#held || this.#closed) return;
    this.#inSnapshot = false;
    try {
      this.#commit.run();
    } catch {
      this.#rollBack();
    }
  }

  /** Call after an error of a statement: the snapshot may be lost. */
  noteFailure(): void {
    if (!this.#db.isTransaction) this.#inSnapshot = false;
  }

  /**
   * A read transaction has nothing to lose, so if the rollback fails, the next turn tries again.
   */
  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#rollback.run();
    } catch {
      this.#inSnapshot = true;
      setImmediate(this.#end);
    }
  }

  close(): void {
    this.release();
    this.#closed = true;
    this.#db.close();
  }
}

export class ReadStatement {
  readonly #connection: ReadConnection;
  readonly #statement: StatementSync;

  constructor(connection: ReadConnection, statement: StatementSync) {
    this.#connection = connection;
    this.#statement = statement;
  }

  /** Throws `store_unavailable` when the disk fails. */
  first(...values: Value[]): Row | undefined {
    try {
      this.#connection.enter();
      return this.#statement.get(...values) as unknown as Row | undefined;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  all(...values: Value[]): Row[] {
    try {
      this.#connection.enter();
      return this.#statement.all(...values) as unknown as Row[];
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): unknown {
    this.#connection.noteFailure();
    return storeError(error);
  }
}

function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  return new DatabaseSync(path, {
    readOnly,
    timeout: busyMsAtOpen,
    enableForeignKeyConstraints: false,
    allowExtension: false,
    defensive: true,
  });
}
