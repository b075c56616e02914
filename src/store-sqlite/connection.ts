import {
  DatabaseSync,
  type SQLInputValue,
  type SQLOutputValue,
  type StatementSync,
} from 'node:sqlite';
import { storeError } from './sqlite-error.ts';

/**
 * The only place that touches node:sqlite's handles, wrapped so that a swallowed commit is impossible.
 *
 * `StatementSync.get()` (and `.iterate()` left early) ignores an error of the implicit COMMIT: measured
 * on Node 24, an autocommit `INSERT … RETURNING` read with `.get()` "succeeds" on a full disk with
 * nothing stored. So writes exist only between `begin` and `commit`, which run through `.run()` and
 * throw, and a statement of the writer used outside them is a programming error.
 *
 * Rows come as arrays in the order of the SELECT: an object of 33 columns costs 7 µs more per row than
 * an array (18.5 against 11.7 µs, 2 cores of a 2026 cloud VM).
 *
 * Limits are written `LIMIT ? + 0`: the planner looks at the value of a bare `LIMIT ?`, so that every
 * binding compiles the statement anew (sqlite3Reprepare, 7 % of all CPU at one operation a commit).
 */
export type Value = SQLInputValue;
export type Row = readonly SQLOutputValue[];

/** How long a statement waits for another process (a shell, a backup) that holds the file's write lock. */
const busyMs = 2_000;

export class WriteConnection {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #logFrames: StatementSync;
  #inTransaction = false;

  constructor(path: string, p: { readonly synchronous: 'full' | 'normal' }) {
    this.#db = openDatabase(path, false);
    try {
      // Checkpoints are ours (checkpoint()): the automatic one swallows fsync errors.
      this.#db.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = ${p.synchronous};`);
      this.#db.exec('PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY;');
      this.#begin = this.#db.prepare('BEGIN IMMEDIATE');
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

  begin(): void {
    this.#begin.run();
    this.#inTransaction = true;
  }

  /** Throws what SQLite reports; whether it is on disk is unknown then. */
  commit(): void {
    this.#commit.run();
    this.#inTransaction = false;
  }

  /** SQLite has rolled back by itself after some errors (full disk, I/O): both ways lead to no transaction. */
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

  /** Frames in the write-ahead log. A checkpoint that does nothing: 2 µs. */
  logFrames(): number {
    const [row] = this.#logFrames.all() as unknown as Row[];
    return Number(row?.[1] ?? 0);
  }

  /**
   * Moves the log into the file. `passive` never waits; `truncate` waits for readers and empties the log.
   * Throws when the disk fails.
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

  /** Number of rows changed. */
  run(...values: Value[]): number {
    this.#requireTransaction();
    return Number(this.#statement.run(...values).changes);
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
 * Reads, on a connection of their own that cannot write and goes on when the disk is full. The reads of
 * one turn of the event loop share a snapshot: opening and closing one for every statement costs 4 µs of
 * 9. The group commit holds it while a commit is on its way to the disk and ends it then, so that whoever reads
 * after a commit was acknowledged sees it, and nobody sees it before.
 */
export class ReadConnection {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #end = (): void => {
    this.endSnapshot();
  };
  readonly #pin: StatementSync;
  #inSnapshot = false;
  #held = false;
  #closed = false;

  constructor(path: string) {
    this.#db = openDatabase(path, true);
    // No mmap: a disk error under a mapping is a SIGBUS, not an error code.
    this.#db.exec('PRAGMA cache_size = -16384;');
    this.#begin = this.#db.prepare('BEGIN');
    this.#commit = this.#db.prepare('COMMIT');
    this.#pin = this.#db.prepare('PRAGMA schema_version');
  }

  prepare(sql: string): ReadStatement {
    return new ReadStatement(this, this.#db.prepare(sql, { returnArrays: true }));
  }

  /** Begins the snapshot of this turn, if there is none yet. */
  enter(): void {
    if (this.#inSnapshot) return;
    this.#begin.run();
    this.#inSnapshot = true;
    setImmediate(this.#end);
  }

  /** Keeps this very snapshot, over turns and commits, until release(). */
  hold(): void {
    this.enter();
    this.#pin.get(); // BEGIN alone takes no snapshot, the first read does
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.endSnapshot();
  }

  endSnapshot(): void {
    if (!this.#inSnapshot || this.#held || this.#closed) return;
    this.#inSnapshot = false;
    this.#commit.run();
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
      throw storeError(error);
    }
  }

  all(...values: Value[]): Row[] {
    try {
      this.#connection.enter();
      return this.#statement.all(...values) as unknown as Row[];
    } catch (error) {
      throw storeError(error);
    }
  }
}

function openDatabase(path: string, readOnly: boolean): DatabaseSync {
  return new DatabaseSync(path, {
    readOnly,
    timeout: busyMs,
    enableForeignKeyConstraints: false,
    allowExtension: false,
    defensive: true,
  });
}
