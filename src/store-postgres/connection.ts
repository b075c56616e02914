import { createHash } from 'node:crypto';
import type { Pool, PoolClient, QueryArrayResult } from 'pg';
import { loadDriver, type PgDriver } from './pg-driver.ts';
import {
  commitFailure,
  isConflict,
  isPreparedAway,
  isSessionLost,
  sqlState,
  storeError,
  unavailable,
} from './postgres-error.ts';

/**
 * The only place that talks to node-postgres. What it is about:
 *
 * - **No session state.** Everything a transaction needs is set in it, by the message that begins it, so any
 *   pooler in transaction mode will do. Statements are prepared under names made of their text; a pooler that
 *   loses them (26000, 42P05) makes us go on without.
 * - **Pipelined.** A statement is sent without waiting for the answer to the one before: BEGIN and what is
 *   read first are one round trip, what is written and COMMIT another. When a statement fails, the server
 *   skips the rest and answers COMMIT with ROLLBACK.
 * - **No wait without an end**: for a connection, an answer, a lock, a statement, an idle transaction. A
 *   half-open link would hold node-postgres for ever.
 * - **A failed COMMIT is ambiguous**, everything before it is not: conflicts and lost connections before the
 *   COMMIT are tried again here.
 *
 * In SQL `@name` is our table `name`, in our schema.
 */
export type Value = string | number | boolean | Uint8Array | null;
export type Row = readonly unknown[];

export type DatabaseOptions = {
  readonly url: string;
  readonly schema: string;
  readonly clock: 'database' | 'caller';
  /** Connections for writes, and for reads. */
  readonly writers: number;
  readonly readers: number;
  readonly prepare: boolean;
};

/** How long each wait may take, in ms. A client gets its 503 within some seconds, whatever hangs. */
const waits = {
  connect: 4_000,
  /** For a lock, each time. */
  lock: 2_000,
  /** For all tries of a transaction that meets others. */
  conflicts: 5_000,
  statement: 5_000,
  /** For an answer, when the server does not keep to `statement`. */
  answer: 6_000,
  /** A connection that was dead before it was used shows it at once; only then another one is tried. */
  stale: 1_000,
  /** A client of ours that froze lets go of its locks. */
  idleInTransaction: 10_000,
} as const;

/** Conflicts with other nodes end in some ms; the first repetitions are at once, more or less. */
const retryMs = [0, 5, 10, 20, 50, 100, 200] as const;

/**
 * Plans are made when tables may be empty, and kept: everything goes by an index, in a nested loop, however
 * large or small the planner believes a table to be.
 */
const plannerSettings = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

/** `scope` LOCAL: until the end of the transaction. */
export function setPlanner(scope: 'LOCAL' | 'SESSION'): string {
  return setAll(scope, plannerSettings);
}

/** SET costs a transaction 50 µs, the same by SELECT set_config(…) 150. */
function setAll(scope: 'LOCAL' | 'SESSION', settings: Readonly<Record<string, string>>): string {
  const statements = Object.entries(settings).map(
    ([name, value]) => `SET ${scope} ${name} = '${value}'`,
  );
  return statements.join('; ');
}

const commonSettings = {
  statement_timeout: String(waits.statement),
  lock_timeout: String(waits.lock),
  idle_in_transaction_session_timeout: String(waits.idleInTransaction),
  ...plannerSettings,
};
const settings = setAll('LOCAL', { synchronous_commit: 'on', ...commonSettings });
const looseSettings = setAll('LOCAL', { synchronous_commit: 'off', ...commonSettings });

const nowSql = 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint';

const beginWriteSql = `
BEGIN ISOLATION LEVEL READ COMMITTED;
${settings};
${nowSql}`;

const beginLooseWriteSql = `
BEGIN ISOLATION LEVEL READ COMMITTED;
${looseSettings};
${nowSql}`;

const beginReadSql = `
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
${settings};
${nowSql}`;

/** What the verbs use of a Database. */
export type Queries = Pick<Database, 'write' | 'read' | 'all'>;

export class Database {
  readonly schema: string;
  readonly #options: DatabaseOptions;
  readonly #driver: PgDriver;
  readonly #writers: Pool;
  readonly #readers: Pool;
  readonly #texts = new Map<string, { readonly text: string; readonly name: string }>();
  #prepare: boolean;
  /** How often something was sent while no answer was awaited: what the bench counts. */
  roundTrips = 0;

  /** Connects to nothing yet. Throws `invalid_option` when `pg` is not installed. */
  static async load(options: DatabaseOptions): Promise<Database> {
    return new Database(options, await loadDriver());
  }

  private constructor(options: DatabaseOptions, driver: PgDriver) {
    this.#options = options;
    this.#driver = driver;
    this.schema = options.schema;
    this.#prepare = options.prepare;
    this.#writers = this.#pool(options.writers);
    this.#readers = this.#pool(options.readers);
  }

  /**
   * Runs `run` in a transaction that may write; conflicts run it again, so it must be repeatable. `isLoose`: the
   * COMMIT does not wait for the disk, so that a crash of the server may take it.
   */
  async write<Outcome>(
    run: (tx: Transaction) => Promise<Outcome>,
    { isLoose = false }: { readonly isLoose?: boolean } = {},
  ): Promise<Outcome> {
    const beginSql = isLoose ? beginLooseWriteSql : beginWriteSql;
    const since = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#try(this.#writers, beginSql, run);
      } catch (error) {
        const elapsedMs = performance.now() - since;
        const isStale = isSessionLost(error) && tries <= this.#options.writers;
        const again = this.#mayTryAgain(error, elapsedMs) || (isStale && elapsedMs < waits.stale);
        if (!again) throw storeError(error);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs(tries)));
    }
  }

  /** Several reads of one moment, with a limit on the time they take. */
  read<Outcome>(run: (tx: Transaction) => Promise<Outcome>): Promise<Outcome> {
    return this.#readAgain(() => this.#try(this.#readers, beginReadSql, run));
  }

  /**
   * One quick read: a single message. Planned anew each time, with the size that the table has by then: a plan
   * made for a table of one page and kept would read all of it when it has grown.
   */
  all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#readAgain(async () => {
      const client = await connected(this.#readers);
      try {
        this.roundTrips += 1;
        const query = { text: this.inSchema(sql), values: [...values], rowMode: 'array' as const };
        const { rows } = await client.query(query);
        client.release();
        return rows as Row[];
      } catch (error) {
        client.release(isSessionLost(error));
        throw error;
      }
    });
  }

  async #readAgain<Outcome>(run: () => Promise<Outcome>): Promise<Outcome> {
    const since = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await run();
      } catch (error) {
        const elapsedMs = performance.now() - since;
        const isStale = isSessionLost(error) && tries <= this.#options.readers;
        const again = this.#mayTryAgain(error, 0) || (isStale && elapsedMs < waits.stale);
        if (!again) throw storeError(error);
      }
    }
  }

  #mayTryAgain(error: unknown, elapsedMs: number): boolean {
    if (isPreparedAway(error)) {
      this.#prepare = false;
      return elapsedMs < waits.conflicts;
    }
    return isConflict(error) && elapsedMs < waits.conflicts;
  }

  async #try<Outcome>(
    pool: Pool,
    beginSql: string,
    run: (tx: Transaction) => Promise<Outcome>,
  ): Promise<Outcome> {
    const client = await connected(pool);
    const tx = new Transaction(this, client, { beginSql, clock: this.#options.clock });
    let outcome: Outcome;
    try {
      outcome = await run(tx);
    } catch (error) {
      const failure = await tx.rollBack(error);
      client.release(tx.isSessionLost);
      throw failure;
    }
    try {
      await tx.commit();
    } finally {
      client.release(tx.isSessionLost);
    }
    return outcome;
  }

  /** What node-postgres is given for a statement of ours. */
  query(sql: string, values: readonly Value[]) {
    const { text, name } = this.#statement(sql);
    const query = { text, values: values as Value[], rowMode: 'array' as const };
    return this.#prepare ? { ...query, name } : query;
  }

  /** SQL with our schema in place of every `@`. */
  inSchema(sql: string): string {
    return sql.replaceAll(/@(?=[a-z])/g, `"${this.schema}".`);
  }

  #statement(sql: string): { readonly text: string; readonly name: string } {
    let statement = this.#texts.get(sql);
    if (statement === undefined) {
      const text = this.inSchema(sql);
      const hash = createHash('sha256').update(text).digest('base64url').slice(0, 22);
      statement = { text, name: `rc_${hash}` };
      if (this.#texts.size >= statementsMax) this.#texts.clear();
      this.#texts.set(sql, statement);
    }
    return statement;
  }

  /** Statements without values, in a transaction of their own or with their own BEGIN. */
  async script(text: string): Promise<void> {
    const client = await connected(this.#readers);
    try {
      await client.query(text);
      client.release();
    } catch (error) {
      client.release(true); // it may be in the middle of a transaction
      throw error;
    }
  }

  /** A connection of its own, outside of the pools, for LISTEN. */
  client(): InstanceType<PgDriver['Client']> {
    return new this.#driver.Client(this.#config());
  }

  #pool(max: number): Pool {
    const pool = new this.#driver.Pool({ ...this.#config(), max, idleTimeoutMillis: 60_000 });
    // A connection broke while nobody used it: it is out of the pool already.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => client.on('error', () => undefined));
    return pool;
  }

  #config() {
    return {
      connectionString: this.#options.url,
      application_name: 'raincheck',
      connectionTimeoutMillis: waits.connect,
      query_timeout: waits.answer,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      pipeline: true,
      types: { getTypeParser },
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#writers.end(), this.#readers.end()]);
  }
}

/** Shapes of filters are few; this many statements are kept. */
const statementsMax = 200;

function pauseMs(tries: number): number {
  const ms = retryMs[Math.min(tries, retryMs.length) - 1] ?? 0;
  return ms * (0.5 + Math.random());
}

/** Nothing was sent yet, so a failure means that nothing was stored. */
async function connected(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw sqlState(error) === null ? connectFailure(error) : error;
  }
}

function connectFailure(error: unknown): unknown {
  const failure = storeError(error);
  return failure === error ? unavailable('PostgreSQL cannot be reached.', error) : failure;
}

const int8 = 20;
const int4 = 23;
const int2 = 21;
const float8 = 701;
const bool = 16;
const bytea = 17;

/** Whole numbers as numbers: ours are instants and counts, all of them safe. Everything else stays text. */
function getTypeParser(oid: number): (text: string) => unknown {
  switch (oid) {
    case int8:
    case int4:
    case int2:
    case float8:
      return Number;
    case bool:
      return (text) => text === 't';
    case bytea:
      return (text) => Buffer.from(text.slice(2), 'hex');
    default:
      return (text) => text;
  }
}

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
  isSessionLost = false;

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
    const query = this.#client.query({ text: sql, rowMode: 'array' });
    const results = await this.#answer(query);
    return (results as unknown as QueryArrayResult[]).at(-1)?.rows[0]?.[0] as number;
  }

  /**
   * The instant this transaction decides by: the database's, so that nodes with clocks that differ agree on
   * who holds a lease; in tests the caller's.
   */
  async now(callersNow: number): Promise<number> {
    const own = await this.#begun;
    return this.#usesOwnClock ? own : callersNow;
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return (await this.#send(sql, values)).rows;
  }

  /** Several statements without values. */
  async script(text: string): Promise<void> {
    await this.#answer(this.#client.query(text));
  }

  /** Number of rows changed. */
  async run(sql: string, ...values: readonly Value[]): Promise<number> {
    return (await this.#send(sql, values)).rowCount ?? 0;
  }

  /**
   * Sends without waiting; the COMMIT behind it holds only if it works. `rows`: how many it must change.
   * Another number cannot be, since the rows were read and locked before; it is reported as a defect.
   */
  post(sql: string, values: readonly Value[], rows?: number): void {
    const sent = this.#send(sql, values).then((result) => {
      if (rows === undefined || result.rowCount === rows) return;
      throw new Error(`${result.rowCount} rows were changed instead of ${rows}.`);
    });
    sent.catch(() => undefined); // settle() and commit() report it
    this.#posted.push(sent);
  }

  /** Resolves when everything posted has worked. */
  async settled(): Promise<void> {
    await Promise.all(this.#posted);
    this.#posted.length = 0;
  }

  #send(sql: string, values: readonly Value[]): Promise<QueryArrayResult> {
    return this.#answer(this.#client.query(this.#database.query(sql, values)));
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
