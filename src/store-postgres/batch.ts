import { createHash } from 'node:crypto';
import type { Connection } from 'pg';
import { RaincheckError } from '../core/errors.ts';
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

/** Several statements in one message, for client.query(). */
export type Batch = {
  /** By their names; else the server parses each anew. */
  readonly isPrepared: boolean;
  /** Rejects with the error of the first of the batch that failed: those behind it were skipped. */
  add(statement: Statement, values: readonly Value[]): Promise<Result>;
  /** Resolves when all of it was answered, before what add() gave; rejects as that does. */
  readonly answered: Promise<void>;
  /** Called by node-postgres, which passes what it returns on to add() and `answered`. */
  submit(connection: Connection): Error | null;
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
    readonly answered: Promise<void>;
    readonly #statements: Statements;
    /** Of the statement that is answered next: node-postgres notes under that name that it is prepared. */
    name: string | undefined;
    text = '';
    /** node-postgres calls it at the end, and puts the timer for the answer around it. */
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
  /** Which is answered next. */
  #at = 0;

  constructor(isPrepared: boolean) {
    this.#isPrepared = isPrepared;
    this.answered.catch(() => undefined); // whoever added a statement hears of it
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

  /** `text`: what the server says it did, `UPDATE 3`. */
  completed(text: string): void {
    const entry = this.#entries[this.#at];
    if (entry === undefined) return;
    entry.statement.parsers ??= []; // it has no columns
    const [command = '', ...counts] = text.split(' ');
    entry.result = { rows: entry.rows, command, rowCount: Number(counts.at(-1) ?? 0) };
    this.#at += 1;
  }

  /** The next one failed, and those behind it. */
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

/** Whether the connection has what we use beside its public members: a later version of `pg` may not. */
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

/** As the server reads them. */
function wireValue(value: Value): string | Buffer | null {
  if (typeof value !== 'object') return String(value);
  return value && Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
