import {
  Database,
  type DatabaseOptions,
  type Queries,
  type Transaction,
  type Row,
  type Value,
} from './connection.ts';
import { migrate } from './migrations.ts';
import { unavailable } from './postgres-error.ts';

/**
 * For this long after a failure to open, all callers get that failure instead of a new try each.
 */
const pauseMs = 500;

/**
 * The database, opened at its first use: a program composes its parts before it can wait, and a
 * server that is not up yet is a reason to answer 503, not to give up. Every use tries again until
 * one has connected and has found, or created, the schema.
 */
export class OpenDatabase implements Queries {
  readonly #options: DatabaseOptions;
  #opened: Database | null = null;
  #opening: Promise<Database> | null = null;
  #closed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /**
   * Rejects with `store_unavailable`, or permanently with `store_incompatible` or `invalid_option`.
   */
  ready(): Promise<Database> {
    if (this.#opened !== null) return Promise.resolve(this.#opened);
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<Database> {
    if (this.#closed) throw unavailable('The store is closed.');
    const database = await Database.load(this.#options);
    try {
      await migrate(database);
    } catch (error) {
      setTimeout(() => (this.#opening = null), pauseMs).unref();
      await database.close();
      throw error;
    }
    this.#opened = database;
    return database;
  }

  async write<Outcome>(
    run: (tx: Transaction) => Promise<Outcome>,
    p?: { readonly isLoose?: boolean },
  ): Promise<Outcome> {
    return (this.#opened ?? (await this.ready())).write(run, p);
  }

  async read<Outcome>(run: (tx: Transaction) => Promise<Outcome>): Promise<Outcome> {
    return (this.#opened ?? (await this.ready())).read(run);
  }

  async all(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return (this.#opened ?? (await this.ready())).all(sql, ...values);
  }

  async find(sql: string, ...values: readonly Value[]): Promise<Row[]> {
    return (this.#opened ?? (await this.ready())).find(sql, ...values);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const database = await this.#opening?.catch(() => null);
    await database?.close();
  }
}
