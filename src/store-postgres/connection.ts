import { batchClass, statementName, type Batch, type BatchClass, type Statement } from './batch.ts';
import type { Row, Value } from './batch.ts';
import { getTypeParser } from './column-types.ts';
import { Connections } from './connections.ts';
import { loadDriver, type PgDriver } from './pg-driver.ts';
import { isConflict, isPreparedAway, isSessionLost, storeError } from './postgres-error.ts';
import {
  beginLooseWrite,
  beginRead,
  beginStrictWrite,
  keptPlanSql,
} from './transaction-settings.ts';
import { waits, type BeginSql } from './transaction-settings.ts';
import { Transaction } from './transaction.ts';

export type { Row, Transaction, Value };

/**
 * The only place that talks to node-postgres. Its principles:
 *
 * - **No session state.** Everything a transaction needs is set in it, by the message that begins
 *   it, so any pooler in transaction mode will do. Statements are prepared under names made of
 *   their text; when a pooler loses them (26000, 42P05), we go on without prepared statements.
 * - **Few messages.** A statement is sent without waiting for the answer to the one before: BEGIN
 *   and the first reads are one message, the writes and COMMIT another (batch.ts). When a statement
 *   fails, the server skips the rest of its message.
 * - **Every wait ends**: for a connection, an answer, a lock, a statement, an idle transaction. A
 *   half-open link would otherwise hold node-postgres for ever.
 * - **A failed COMMIT is ambiguous**, everything before it is not: conflicts, and connections lost
 *   before the COMMIT, are retried here.
 *
 * In SQL `@name` is our table `name`, in our schema.
 */
export type DatabaseOptions = {
  readonly url: string;
  readonly schema: string;
  readonly clock: 'database' | 'caller';
  /** Connections for writes, and for reads. */
  readonly writers: number;
  readonly readers: number;
  readonly prepare: boolean;
};

/**
 * Pauses before the retries. Conflicts with other nodes end within some ms, so the first retries
 * come almost at once.
 */
const retryMs = [0, 5, 10, 20, 50, 100, 200] as const;

/** The part of a Database that the verbs use. */
export type Queries = Pick<Database, 'write' | 'read' | 'all' | 'find'>;

export class Database {
  readonly schema: string;
  readonly #options: DatabaseOptions;
  readonly #driver: PgDriver;
  readonly #writers: Connections;
  readonly #readers: Connections;
  readonly #batch: BatchClass;
  readonly #statements = new Map<string, Statement>();
  #prepare: boolean;
  /** How often something was sent while no answer was awaited; the benchmark counts these. */
  roundTrips = 0;

  /** Connects to nothing yet. Throws `invalid_option` when `pg` is not installed. */
  static async load(options: DatabaseOptions): Promise<Database> {
    return new Database(options, await loadDriver());
  }

  private constructor(options: DatabaseOptions, driver: PgDriver) {
    this.#options = options;
    this.#driver = driver;
    this.#batch = batchClass(driver);
    this.schema = options.schema;
    this.#prepare = options.prepare;
    this.#writers = this.#pool(options.writers);
    this.#readers = this.#pool(options.readers);
  }

  /**
   * Runs `run` in a transaction that may write. Conflicts run it again, so it must be repeatable.
   * `isLoose`: the COMMIT does not wait for the disk, so a crash of the server may lose it.
   */
  async write<Outcome>(
    run: (tx: Transaction) => Promise<Outcome>,
    { isLoose = false }: { readonly isLoose?: boolean } = {},
  ): Promise<Outcome> {
    const begin = isLoose ? beginLooseWrite : beginStrictWrite;
    const since = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#try(this.#writers, begin, run);
      } catch (error) {
        const elapsedMs = performance.now() - since;
        const isStale = isSessionLost(error) && tries <= this.#options.writers;
        const again = this.#mayTryAgain(error, elapsedMs) || (isStale && elapsedMs < waits.stale);
        if (!again) throw storeError(error);
      }
      await new Promise((resolve) => setTimeout(resolve, pauseMs(tries)));
    }
  }

  /** Several reads of one snapshot, with a limit on the time they take. */
  read<Outcome>(run: (tx: Transaction) => Promise<Outcome>): Promise<Outcome> {
    return this.#readAgain(() => this.#try(this.#readers, beginRead, run));
  }

  /**
   * One quick read in a single message. It is planned anew each time, for the size that the table
   * has by then: a plan made for a table of one page, and kept, would read all of it when it has
   * grown.
   */
  all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#readAgain(async () => {
      const client = await this.#readers.take();
      try {
        this.roundTrips += 1;
        const query = { text: this.inSchema(sql), values: [...values], rowMode: 'array' as const };
        const { rows } = await client.query(query);
        this.#readers.give(client, false);
        return rows as Row[];
      } catch (error) {
        this.#readers.give(client, isSessionLost(error));
        throw error;
      }
    });
  }

  /**
   * One quick read by an index that serves this statement alone, with the kept plan that writes
   * use; also a single message.
   */
  find(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return this.#readAgain(async () => {
      const client = await this.#readers.take();
      try {
        this.roundTrips += 1;
        const batch = this.batch();
        const set = batch.add(this.statement(keptPlanSql), []);
        const found = batch.add(this.statement(sql), values);
        client.query(batch);
        const [, { rows }] = await Promise.all([set, found]);
        this.#readers.give(client, false);
        return rows;
      } catch (error) {
        this.#readers.give(client, isSessionLost(error));
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
        const again = this.#mayTryAgain(error, elapsedMs) || (isStale && elapsedMs < waits.stale);
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
    pool: Connections,
    begin: BeginSql,
    run: (tx: Transaction) => Promise<Outcome>,
  ): Promise<Outcome> {
    const client = await pool.take();
    const tx = new Transaction(this, client, { begin, clock: this.#options.clock });
    let outcome: Outcome;
    try {
      outcome = await run(tx);
    } catch (error) {
      const failure = tx.rollBack(error);
      pool.give(client, tx.isSessionLost);
      throw failure;
    }
    try {
      await tx.commit();
    } finally {
      pool.give(client, tx.isSessionLost);
    }
    return outcome;
  }

  /** A new batch for client.query(). */
  batch(): Batch {
    return new this.#batch({ isPrepared: this.#prepare });
  }

  /** SQL with our schema in place of every `@`. */
  inSchema(sql: string): string {
    return sql.replaceAll(/@(?=[a-z])/g, `"${this.schema}".`);
  }

  statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      const text = this.inSchema(sql);
      statement = { text, name: statementName(text), parsers: null };
      if (this.#statements.size >= statementsMax) this.#statements.clear();
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Runs statements without values, in a transaction of their own or with their own BEGIN. */
  async script(text: string): Promise<void> {
    const client = await this.#readers.take();
    try {
      await client.query(text);
      this.#readers.give(client, false);
    } catch (error) {
      this.#readers.give(client, true); // it may be in the middle of a transaction
      throw error;
    }
  }

  /** A new connection outside of the pools, for LISTEN. */
  client(): InstanceType<PgDriver['Client']> {
    return new this.#driver.Client(this.#config());
  }

  #pool(max: number): Connections {
    const pool = new this.#driver.Pool({ ...this.#config(), max, idleTimeoutMillis: 60_000 });
    return new Connections(pool);
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

/** Statements that are kept; filters come in few shapes. */
const statementsMax = 200;

function pauseMs(tries: number): number {
  const ms = retryMs[Math.min(tries, retryMs.length) - 1] ?? 0;
  return ms * (0.5 + Math.random());
}
