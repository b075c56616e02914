import { createHash } from 'node:crypto';
import type { Connection } from 'pg';
import { RaincheckError } from '../core/errors.ts';
import { getTypeParser } from './column-types.ts';
import type { PgDriver } from './pg-driver.ts';

export type Value = string | number | boolean | Uint8Array | null;
export type Row = readonly unknown[];

/** The name under which a statement is prepared on every connection. */
export function statementName(text: string): string {
  return `rc_${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`;
}

/** One text of SQL and what we have learnt about it. It is kept for reuse, with its parsers. */
export type Statement = {
  readonly text: string;
  readonly name: string;
  /**
   * How to read its columns; null until the server has described them. They cannot change later:
   * the server would fail the prepared statement.
   */
  parsers: readonly ((text: string) => unknown)[] | null;
};

export type Result = {
  readonly rows: Row[];
  /** Rows read or changed. */
  readonly rowCount: number;
  /** First word of the server's command tag: SELECT, COMMIT, ROLLBACK. */
  readonly command: string;
};

/** A connection of node-postgres with the members that its own queries use. */
type Wire = Connection & {
  /**
   * Statements by name: those prepared on this connection, and those sent to it but not yet
   * answered.
   */
  readonly parsedStatements: Record<string, string | undefined>;
  readonly submittedNamedStatements: Record<string, string | undefined>;
};

/** Several statements in one message, for client.query(). */
export type Batch = {
  /** Whether statements are prepared under their names; otherwise the server parses each anew. */
  readonly isPrepared: boolean;
  /**
   * The result of this statement. Rejects with the error of the first statement of the batch that
   * failed, also for those behind it, which the server skipped.
   */
  add(statement: Statement, values: readonly Value[]): Promise<Result>;
  /**
   * Settles when the whole batch is answered, before the promises that add() returned; rejects with
   * the same error.
   */
  readonly answered: Promise<void>;
  /** Called by node-postgres, which then calls our handlers with what the server answers. */
  submit(connection: Connection): Error | null;
};

export type BatchClass = new (p: { readonly isPrepared: boolean }) => Batch;

/**
 * A query of node-postgres that holds many statements with one Sync behind them. node-postgres' own
 * pipelined queries have a Sync each, and the server answers each Sync at once: a transaction of
 * six statements was six packets from the server, each of which woke this process, instead of one.
 * When a statement fails, the server skips everything up to the Sync, COMMIT included.
 *
 * It is a subclass of Query, because node-postgres takes no other queries of ours on a pipelined
 * connection; it hears of answers as node-postgres' own queries do.
 */
export function batchClass({ Query }: Pick<PgDriver, 'Query'>): BatchClass {
  return class extends Query implements Batch {
    readonly isPrepared: boolean;
    readonly answered: Promise<void>;
    readonly #statements: Statements;
    /**
     * Name of the statement that is answered next: node-postgres records under this name that it is
     * prepared.
     */
    name: string | undefined;
    text = '';
    /** node-postgres calls it at the end, and wraps it in the timer for the answer. */
    callback: (error: unknown) => void;

    constructor({ isPrepared }: { readonly isPrepared: boolean }) {
      super('');
      this.isPrepared = isPrepared;
      const statements = new Statements(isPrepared);
      this.#statements = statements;
      this.answered = statements.answered;
      this.callback = (error) => statements.end(error);
    }

    add(statement: Statement, values: readonly Value[]): Promise<Result> {
      return this.#statements.add(statement, values);
    }

    submit(connection: Connection): Error | null {
      if (!isWire(connection)) return unknownDriver();
      this.#statements.send(connection);
      this.#expectNext();
      return null;
    }

    #expectNext(): void {
      const { next } = this.#statements;
      this.name = this.isPrepared ? next?.name : undefined;
      this.text = next?.text ?? '';
    }

    handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
      this.#statements.described(fields);
    }

    handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
      this.#statements.row(fields);
    }

    handleCommandComplete({ text }: { readonly text: string }): void {
      this.#statements.completed(text);
      this.#expectNext();
    }

    handleReadyForQuery(): void {
      this.callback(null);
    }

    handleError(error: unknown, connection?: Wire): void {
      this.#statements.skipped(connection);
      this.callback(error);
    }
  };
}

type Field = { readonly dataTypeID: number };

type Entry = {
  readonly statement: Statement;
  readonly values: readonly Value[];
  readonly answer: PromiseWithResolvers<Result>;
  readonly rows: Row[];
  result: Result | null;
};

class Statements {
  readonly #isPrepared: boolean;
  readonly #entries: Entry[] = [];
  readonly #answer = Promise.withResolvers<void>();
  readonly answered = this.#answer.promise;
  /** Index of the statement that is answered next. */
  #at = 0;

  constructor(isPrepared: boolean) {
    this.#isPrepared = isPrepared;
    this.answered.catch(() => undefined); // add() reports it to its caller
  }

  get next(): Statement | undefined {
    return this.#entries[this.#at]?.statement;
  }

  add(statement: Statement, values: readonly Value[]): Promise<Result> {
    const answer = Promise.withResolvers<Result>();
    this.#entries.push({ statement, values, answer, rows: [], result: null });
    return answer.promise;
  }

  send(wire: Wire): void {
    wire.stream.cork();
    for (const entry of this.#entries) this.#sendOne(wire, entry);
    wire.sync();
    wire.stream.uncork();
  }

  #sendOne(wire: Wire, { statement, values }: Entry): void {
    const { text, parsers } = statement;
    const name = this.#isPrepared ? statement.name : '';
    if (!this.#isPrepared || !isKnown(wire, name)) {
      wire.parse({ name, text, types: [] }, true);
      if (this.#isPrepared) wire.submittedNamedStatements[name] = text;
    }
    wire.bind({ statement: name, values: values.map(wireValue) }, true);
    if (parsers === null) wire.describe({ type: 'P' }, true);
    wire.execute(null, true);
  }

  described(fields: readonly Field[]): void {
    const entry = this.#entries[this.#at];
    if (entry === undefined) return;
    entry.statement.parsers = fields.map(({ dataTypeID }) => getTypeParser(dataTypeID));
  }

  row(fields: readonly (string | null)[]): void {
    const entry = this.#entries[this.#at];
    const parsers = entry?.statement.parsers;
    entry?.rows.push(fields.map((field, i) => (field === null ? null : parsers?.[i]?.(field))));
  }

  /** `text`: the server's command tag, such as `UPDATE 3`. */
  completed(text: string): void {
    const entry = this.#entries[this.#at];
    if (entry === undefined) return;
    entry.statement.parsers ??= []; // it has no columns
    const [command = '', ...counts] = text.split(' ');
    entry.result = { rows: entry.rows, command, rowCount: Number(counts.at(-1) ?? 0) };
    this.#at += 1;
  }

  /**
   * The statement that is answered next failed, so the server skips those behind it: none of them
   * was prepared.
   */
  skipped(wire: Wire | undefined): void {
    for (const { statement } of this.#entries.slice(this.#at)) {
      delete wire?.submittedNamedStatements[statement.name];
    }
  }

  end(error: unknown): void {
    if (error === null) this.#answer.resolve();
    else this.#answer.reject(error);
    for (const { answer, result } of this.#entries) {
      if (result === null) answer.reject(error);
      else answer.resolve(result);
    }
  }
}

/**
 * Whether the connection has the non-public members that we use; a later version of `pg` may lack
 * them.
 */
function isWire(connection: Connection): connection is Wire {
  return 'parsedStatements' in connection && 'submittedNamedStatements' in connection;
}

function unknownDriver(): RaincheckError {
  return new RaincheckError(
    'store_incompatible',
    'This version of the package `pg` is not supported yet. Run `npm install pg@8.23`.',
  );
}

function isKnown({ parsedStatements, submittedNamedStatements }: Wire, name: string): boolean {
  return parsedStatements[name] !== undefined || submittedNamedStatements[name] !== undefined;
}

/** A value in the text or binary form that the server reads. */
function wireValue(value: Value): string | Buffer | null {
  if (typeof value !== 'object') return String(value);
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
