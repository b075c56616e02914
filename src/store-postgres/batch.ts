import { createHash } from 'node:crypto';
import type { Connection } from 'pg';
import { getTypeParser } from './column-types.ts';
import type { PgDriver } from './pg-driver.ts';

export type Value = string | number | boolean | Uint8Array | null;
export type Row = readonly unknown[];

/** By which it is prepared on every connection. */
export function statementName(text: string): string {
  return `rc_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
}

/** One text of SQL, and what is known of it. Kept, so that what is learnt of it is. */
export type Statement = {
  readonly text: string;
  readonly name: string;
  /** How its columns are read; null until the server has described them. A statement cannot change them: it would fail. */
  parsers: readonly ((text: string) => unknown)[] | null;
};

export type Result = {
  readonly rows: Row[];
  /** Rows read or changed. */
  readonly rowCount: number;
  /** First word of what the server calls it: SELECT, COMMIT, ROLLBACK. */
  readonly command: string;
};

/** node-postgres' connection, with what its own queries use of it. */
type Wire = Connection & {
  /** By name: prepared on this connection, and on the way to it. */
  readonly parsedStatements: Record<string, string | undefined>;
  readonly submittedNamedStatements: Record<string, string | undefined>;
};

type Entry = {
  readonly statement: Statement;
  readonly values: readonly Value[];
  readonly answer: PromiseWithResolvers<Result>;
  readonly rows: Row[];
  result: Result | null;
};

/** Several statements in one message, for client.query(). */
export type Batch = {
  /** By their names; else the server parses each anew. */
  readonly isPrepared: boolean;
  /** Rejects with the error of the first of the batch that failed: those behind it were skipped. */
  add(statement: Statement, values: readonly Value[]): Promise<Result>;
  /** Resolves when all of it was answered, before what add() gave; rejects as that does. */
  readonly answered: Promise<void>;
  /** node-postgres'. */
  submit(connection: Connection): void;
};

export type BatchClass = new (p: { readonly isPrepared: boolean }) => Batch;

/**
 * A query of node-postgres that is many statements with one Sync behind them. Its own queries, pipelined, have one each, and
 * the server answers each Sync at once: a transaction of six statements was six packets from it, each of which woke this
 * process, instead of one. When a statement fails, the server skips the rest up to the Sync, COMMIT as well.
 *
 * It is a subclass since node-postgres takes no other queries of our own on a pipelined connection, and is told of what
 * comes back as its own are.
 */
export function batchClass({ Query }: Pick<PgDriver, 'Query'>): BatchClass {
  return class extends Query implements Batch {
    readonly isPrepared: boolean;
    readonly #entries: Entry[] = [];
    readonly #answer = Promise.withResolvers<void>();
    readonly answered = this.#answer.promise;
    #at = 0;
    /** Of the statement that is answered next: node-postgres notes under that name that it is prepared. */
    name: string | undefined;
    text = '';
    /** node-postgres calls it at the end, and puts the timer for the answer around it. */
    callback: (error: unknown) => void = (error) => this.#end(error);

    constructor({ isPrepared }: { readonly isPrepared: boolean }) {
      super('');
      this.isPrepared = isPrepared;
      this.answered.catch(() => undefined); // whoever added a statement hears of it
    }

    add(statement: Statement, values: readonly Value[]): Promise<Result> {
      const answer = Promise.withResolvers<Result>();
      this.#entries.push({ statement, values, answer, rows: [], result: null });
      return answer.promise;
    }

    submit(connection: Connection): null {
      this.#expect(0);
      connection.stream.cork();
      for (const entry of this.#entries) this.#send(connection, entry);
      connection.sync();
      connection.stream.uncork();
      return null;
    }

    #send(connection: Connection, { statement, values }: Entry): void {
      const { name, text } = statement;
      const { parsedStatements, submittedNamedStatements } = connection as Wire;
      const known = this.isPrepared && (parsedStatements[name] ?? submittedNamedStatements[name]);
      if (known === undefined || known === false) {
        connection.parse({ name: this.isPrepared ? name : '', text, types: [] }, true);
        if (this.isPrepared) submittedNamedStatements[name] = text;
      }
      const bound = { statement: this.isPrepared ? name : '', values: values.map(wireValue) };
      connection.bind(bound, true);
      if (statement.parsers === null) connection.describe({ type: 'P' }, true);
      connection.execute(null, true);
    }

    #expect(at: number): void {
      this.#at = at;
      const next = this.#entries[at];
      this.name = this.isPrepared ? next?.statement.name : undefined;
      this.text = next?.statement.text ?? '';
    }

    handleRowDescription(message: { readonly fields: readonly { dataTypeID: number }[] }): void {
      const entry = this.#entries[this.#at];
      if (entry === undefined) return;
      entry.statement.parsers = message.fields.map(({ dataTypeID }) => getTypeParser(dataTypeID));
    }

    handleDataRow(message: { readonly fields: readonly (string | null)[] }): void {
      const entry = this.#entries[this.#at];
      const parsers = entry?.statement.parsers;
      entry?.rows.push(
        message.fields.map((field, i) => (field === null ? null : parsers?.[i]?.(field))),
      );
    }

    handleCommandComplete({ text }: { readonly text: string }): void {
      const entry = this.#entries[this.#at];
      if (entry === undefined) return;
      entry.statement.parsers ??= []; // it has no columns
      const [command = '', ...counts] = text.split(' ');
      entry.result = { rows: entry.rows, command, rowCount: Number(counts.at(-1) ?? 0) };
      this.#expect(this.#at + 1);
    }

    handleReadyForQuery(): void {
      this.callback(null);
    }

    handleError(error: unknown, connection?: Wire): void {
      for (const { statement } of this.#entries.slice(this.#at)) {
        delete connection?.submittedNamedStatements[statement.name];
      }
      this.callback(error);
    }

    #end(error: unknown): void {
      if (error === null) this.#answer.resolve();
      else this.#answer.reject(error);
      for (const { answer, result } of this.#entries) {
        if (result === null) answer.reject(error);
        else answer.resolve(result);
      }
    }
  };
}

/** As the server reads them. */
function wireValue(value: Value): string | Buffer | null {
  if (typeof value !== 'object') return String(value);
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
