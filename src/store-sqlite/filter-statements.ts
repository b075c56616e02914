import type { ReadConnection, ReadStatement } from './connection.ts';

/** Shapes of filters are few; this many statements are kept. */
const statementsMax = 64;

/** Prepares what a filter's shape makes of a list's SQL, once for each text. */
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
