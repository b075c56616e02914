import type { ReadConnection, ReadStatement } from './connection.ts';

/** Statements that are kept; filters come in few shapes. */
const statementsMax = 64;

/**
 * Prepares the statements of lists, whose SQL depends on the shape of the filter, once for each
 * text.
 */
export function filterStatements(reader: ReadConnection): (sql: string) => ReadStatement {
  const statements = new Map<string, ReadStatement>();
  return (sql) => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= statementsMax) statements.clear();
      statement = reader.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  };
}
