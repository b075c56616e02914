import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** SQLite's plan for a statement, one step a line. */
export function planOf(db: DatabaseSync, sql: string): string {
  const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return rows.map(({ detail }) => String(detail)).join('\n');
}

/** The instructions of the statement's program, in order. */
export function stepsOf(db: DatabaseSync, sql: string): string[] {
  const rows = db.prepare(`EXPLAIN ${sql}`).all();
  return rows.map(({ opcode }) => String(opcode));
}

/**
 * Pages that a query of a file reads once its statement is warm; undefined where /proc does not
 * tell.
 */
export function pagesReadBy(
  file: string,
  sql: string,
  values: readonly (string | number)[],
): number | undefined {
  const cold = new DatabaseSync(file, { readOnly: true });
  cold.exec('PRAGMA cache_size = 0; PRAGMA mmap_size = 0;');
  const statement = cold.prepare(sql);
  statement.all(...values);
  const pages = pagesRead(() => statement.all(...values));
  cold.close();
  return pages;
}

/** The read system calls of a connection without a cache. */
function pagesRead(run: () => void): number | undefined {
  const reads = (): number =>
    Number(/^syscr: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? 0);
  try {
    const start = reads();
    const overhead = reads() - start;
    const from = reads();
    run();
    return reads() - from - overhead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
