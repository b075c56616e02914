import type { PoolClient } from 'pg';
import type { Batch, Result, Row, Value } from './batch.ts';
import type { Database, DatabaseOptions } from './connection.ts';
import {
  commitFailure,
  isConflict,
  isPreparedAway,
  isSessionLost,
  sqlState,
} from './postgres-error.ts';
import type { BeginSql } from './transaction-settings.ts';

/** One transaction on one connection. */
export class Transaction {
  readonly #database: Database;
  readonly #client: PoolClient;
  readonly #usesOwnClock: boolean;
  readonly #begun: Promise<number>;
  readonly #posted: Promise<unknown>[] = [];
  /** Statements that leave in one message with the next one whose answer is awaited. */
  #gathered: Batch | null = null;
  #isHeld = false;
  #hasSent = false;
  #unanswered = 0;
  /**
   * The first failure, whichever promise reported it: what was sent behind it failed because of it.
   */
  #firstFailure: unknown = null;
  isSessionLost = false;
  /** The database's clock in the answer to BEGIN, and when that arrived by performance.now(). */
  begun: { readonly now: number; readonly at: number } | null = null;

  constructor(
    database: Database,
    client: PoolClient,
    p: { readonly begin: BeginSql; readonly clock: DatabaseOptions['clock'] },
  ) {
    this.#database = database;
    this.#client = client;
    this.#usesOwnClock = p.clock === 'database';
    this.#begun = this.#begin(p.begin);
    this.#begun.catch(() => undefined); // reported to whoever awaits now(), a statement or commit()
  }

  async #begin({ begin, settings }: BeginSql): Promise<number> {
    this.#add(begin, []).catch(() => undefined); // the next statement fails with it
    const { rows } = await this.#add(settings, []);
    const now = rows[0]?.[0] as number;
    this.begun = { now, at: performance.now() };
    return now;
  }

  /**
   * The instant that this transaction decides by. It is the database's, so that nodes whose clocks
   * differ agree on who holds a lease; in tests it is the caller's.
   */
  async now(callersNow: number): Promise<number> {
    this.#send();
    const own = await this.#begun;
    return this.#usesOwnClock ? own : callersNow;
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return (await this.#ask(sql, values)).rows;
  }

  /** Returns the number of rows changed. */
  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    return (await this.#ask(sql, values)).rowCount;
  }

  /** Everything that `run` asks for synchronously leaves in one message. */
  together<Outcome>(run: () => Outcome): Outcome {
    this.#isHeld = true;
    try {
      return run();
    } finally {
      this.#isHeld = false;
      this.#send();
    }
  }

  /** Runs several statements without values. */
  async script(text: string): Promise<void> {
    this.#send();
    const answered = this.#client.query(text);
    this.#awaitAnswer(answered);
    await answered;
  }

  /**
   * Sends without waiting; the COMMIT behind it succeeds only if this does. `rows`: how many rows
   * it must change. They were read and locked before, so another number is reported as a defect.
   */
  post(sql: string, values: readonly Value[], rows?: number): void {
    const sent = this.#add(sql, values).then((result) => {
      if (rows === undefined || result.rowCount === rows) return;
      throw new Error(`${result.rowCount} rows were changed instead of ${rows}.`);
    });
    sent.catch(() => undefined); // settle() and commit() report it
    this.#posted.push(sent);
  }

  /** Resolves when every posted statement has succeeded. */
  async settled(): Promise<void> {
    this.#send();
    await Promise.all(this.#posted);
    this.#posted.length = 0;
  }

  #ask(sql: string, values: readonly Value[]): Promise<Result> {
    const answer = this.#add(sql, values);
    if (!this.#isHeld) this.#send();
    return answer;
  }

  #add(sql: string, values: readonly Value[]): Promise<Result> {
    this.#gathered ??= this.#database.batch();
    return this.#gathered.add(this.#database.statement(sql), values);
  }

  #send(): void {
    const batch = this.#gathered;
    if (batch === null) return;
    this.#gathered = null;
    this.#client.query(batch);
    this.#awaitAnswer(batch.answered);
  }

  #awaitAnswer(answered: Promise<unknown>): void {
    if (this.#unanswered === 0) this.#database.roundTrips += 1;
    this.#unanswered += 1;
    this.#hasSent = true;
    const ended = (): void => {
      this.#unanswered -= 1;
    };
    answered.then(ended, (error: unknown) => {
      ended();
      this.#firstFailure ??= error;
    });
  }

  /** Sends COMMIT in one message with what was posted; when that fails, the server skips COMMIT. */
  async commit(): Promise<void> {
    const posted = Promise.all(this.#posted);
    posted.catch(() => undefined);
    const committed = this.#add('COMMIT', []);
    committed.catch(() => undefined);
    this.#send();
    try {
      await this.#begun;
      await posted;
    } catch (failure) {
      const error = this.#causeOf(failure);
      await committed.catch(() => undefined);
      const first = this.rollBack(error);
      // If the server did not answer, the COMMIT behind it may have succeeded.
      throw isSessionLost(first) && sqlState(first) === null ? commitFailure(first) : first;
    }
    try {
      const { command } = await committed;
      if (command !== 'COMMIT') throw new Error(`COMMIT was answered with ${command}.`);
    } catch (error) {
      // A pooler gave us a session that does not know the statement by that name, so it has not
      // run.
      if (isPreparedAway(error)) throw this.rollBack(error);
      this.isSessionLost ||= isSessionLost(error);
      throw isConflict(error) ? error : commitFailure(error);
    }
  }

  #causeOf(error: unknown): unknown {
    return sqlState(error) === inFailedTransaction ? (this.#firstFailure ?? error) : error;
  }

  /**
   * Undoes everything; returns the error to report, which is the first failure, not its
   * consequences.
   */
  rollBack(failure: unknown): unknown {
    this.#gathered = null;
    const first = this.#causeOf(failure);
    this.isSessionLost ||= isSessionLost(first) || isSessionLost(failure);
    // Nothing waits for ROLLBACK: the next user of the connection has its BEGIN behind it, and
    // fails with it if the connection is lost.
    if (!this.isSessionLost && this.#hasSent) {
      this.#client.query('ROLLBACK').catch(() => undefined);
    }
    return first;
  }
}

/** in_failed_sql_transaction: the transaction is aborted, for a reason that this does not tell. */
const inFailedTransaction = '25P02';
