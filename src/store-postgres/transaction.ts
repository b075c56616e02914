import type { PoolClient, QueryArrayResult } from 'pg';
import type { Database, DatabaseOptions } from './connection.ts';
import { commitFailure, isConflict, isSessionLost, sqlState } from './postgres-error.ts';

export type Value = string | number | boolean | Uint8Array | null;
export type Row = readonly unknown[];

/** One transaction on one connection. */
export class Transaction {
  readonly #database: Database;
  readonly #client: PoolClient;
  readonly #usesOwnClock: boolean;
  readonly #begun: Promise<number>;
  readonly #posted: Promise<unknown>[] = [];
  #unanswered = 0;
  /** What failed first, whoever hears of it first: what was sent behind it failed because of it. */
  #firstFailure: unknown = null;
  #isHeld = false;
  isSessionLost = false;
  /** What the database's clock said in answer to BEGIN, and when that was heard by performance.now(). */
  begun: { readonly now: number; readonly at: number } | null = null;

  constructor(
    database: Database,
    client: PoolClient,
    p: { readonly beginSql: string; readonly clock: DatabaseOptions['clock'] },
  ) {
    this.#database = database;
    this.#client = client;
    this.#usesOwnClock = p.clock === 'database';
    this.#begun = this.#begin(p.beginSql);
    this.#begun.catch(() => undefined); // whoever waits for anything hears of it
  }

  async #begin(sql: string): Promise<number> {
    this.#hold();
    const query = this.#client.query({ text: sql, rowMode: 'array' });
    const results = await this.#answer(query);
    const now = (results as unknown as QueryArrayResult[]).at(-1)?.rows[0]?.[0] as number;
    this.begun = { now, at: performance.now() };
    return now;
  }

  /**
   * The instant this transaction decides by: the database's, so that nodes with clocks that differ agree on
   * who holds a lease; in tests the caller's.
   */
  async now(callersNow: number): Promise<number> {
    this.#release();
    const own = await this.#begun;
    return this.#usesOwnClock ? own : callersNow;
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    const sent = this.#send(sql, values);
    this.#release();
    return (await sent).rows;
  }

  /** Several statements without values. */
  async script(text: string): Promise<void> {
    const sent = this.#answer(this.#client.query(text));
    this.#release();
    await sent;
  }

  /** Number of rows changed. */
  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    const sent = this.#send(sql, values);
    this.#release();
    return (await sent).rowCount ?? 0;
  }

  /**
   * Sends without waiting; the COMMIT behind it holds only if it works. `rows`: how many it must change.
   * Another number cannot be, since the rows were read and locked before; it is reported as a defect.
   */
  post(sql: string, values: readonly Value[], rows?: number): void {
    this.#hold();
    const sent = this.#send(sql, values).then((result) => {
      if (rows === undefined || result.rowCount === rows) return;
      throw new Error(`${result.rowCount} rows were changed instead of ${rows}.`);
    });
    sent.catch(() => undefined); // settle() and commit() report it
    this.#posted.push(sent);
  }

  /** Resolves when everything posted has worked. */
  async settled(): Promise<void> {
    this.#release();
    await Promise.all(this.#posted);
    this.#posted.length = 0;
  }

  #send(sql: string, values: readonly Value[]): Promise<QueryArrayResult> {
    return this.#answer(this.#client.query(this.#database.query(sql, values)));
  }

  /**
   * What nobody waits for yet is held back, to leave in one write with what comes behind it: each write is a system
   * call, and wakes the server on loopback. Until release(), at the latest with COMMIT. (Held to the end of the turn,
   * which came after the work of hundreds of other operations, it cost more than half the throughput.)
   */
  #hold(): void {
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#client.connection.stream.cork();
  }

  #release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#client.connection.stream.uncork();
  }

  async #answer<Result>(query: Promise<Result>): Promise<Result> {
    if (this.#unanswered === 0) this.#database.roundTrips += 1;
    this.#unanswered += 1;
    try {
      return await query;
    } catch (error) {
      this.#firstFailure ??= error;
      throw error;
    } finally {
      this.#unanswered -= 1;
    }
  }

  /** Sent at once behind what was posted: when that fails, the server answers with ROLLBACK. */
  async commit(): Promise<void> {
    const posted = Promise.all(this.#posted);
    posted.catch(() => undefined);
    const committed = this.#answer(this.#client.query('COMMIT'));
    this.#release();
    committed.catch(() => undefined);
    try {
      await this.#begun;
      await posted;
    } catch (failure) {
      const error = this.#causeOf(failure);
      this.isSessionLost ||= isSessionLost(error);
      await committed.catch(() => undefined);
      // Without a word from the server the COMMIT behind it may have worked.
      throw isSessionLost(error) && sqlState(error) === null ? commitFailure(error) : error;
    }
    try {
      const { command } = await committed;
      if (command !== 'COMMIT') throw new Error(`COMMIT was answered with ${command}.`);
    } catch (error) {
      this.isSessionLost ||= isSessionLost(error);
      throw isConflict(error) ? error : commitFailure(error);
    }
  }

  #causeOf(error: unknown): unknown {
    return sqlState(error) === inFailedTransaction ? (this.#firstFailure ?? error) : error;
  }

  /** Undoes everything; yields what to tell: the first failure, not what it led to. */
  async rollBack(error: unknown): Promise<unknown> {
    this.#release();
    const first = this.#causeOf(error);
    this.isSessionLost ||= isSessionLost(first) || isSessionLost(error);
    if (this.isSessionLost) return first;
    try {
      await this.#client.query('ROLLBACK');
    } catch {
      this.isSessionLost = true;
    }
    return first;
  }
}

/** current transaction is aborted: says nothing about why. */
const inFailedTransaction = '25P02';
