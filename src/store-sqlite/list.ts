import { smallestIdAt } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import { isFinal } from '../core/operation.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';
import type { ReadConnection, ReadStatement, Value } from './connection.ts';
import type { Ledger } from './ledger.ts';
import { operationColumns, operationOf } from './rows.ts';

/**
 * One page, newest first, by id. A filter is applied to the rows an index yields, limits.pageScanRows
 * at most; a page that ends there is short and goes on at the last row looked at. What is rare has a way
 * of its own, so that nobody walks past a million completed operations to see what failed or is under way.
 */
const inputText = `
coalesce(input, (SELECT inputs.input FROM inputs WHERE operation_seq = scanned.seq))`;

/** Longer than any id. */
const idMax = 'op_~';

export type Page = { readonly sql: string; readonly endSql: string; readonly values: Value[] };

/** The statement for the members that `filter` has; values follow in the same order. */
export function pageOf({ filter, beforeId }: ListOperations, unfinished: number): Page {
  const { source, isExact } = sourceOf(filter, unfinished);
  const values: Value[] = [];
  const bounds = [`id < ?`];
  values.push(upperBound(filter, beforeId));
  if (filter.since !== undefined) {
    bounds.push('id >= ?');
    values.push(smallestIdAt(filter.since));
  }
  const scan = `
  FROM operations ${source}
    AND ${bounds.join('\n    AND ')}
  ORDER BY id DESC`;
  const conditions = conditionsOf(filter, isExact, values);
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join('\n  AND ')}`;
  const sql = `
SELECT ${operationColumns}
FROM (
  SELECT *${scan}
  LIMIT ${limits.pageScanRows}
) AS scanned
${where}
LIMIT ? + 0`;
  const endSql = `
SELECT id${scan}
LIMIT 2 OFFSET ${limits.pageScanRows - 1}`;
  return { sql, endSql, values };
}

function upperBound({ until }: OperationFilter, beforeId: string | null): string {
  const untilId = until === undefined ? idMax : smallestIdAt(until);
  return beforeId !== null && beforeId < untilId ? beforeId : untilId;
}

type Source = {
  /** What stands between FROM and the bounds. */
  readonly source: string;
  /** It yields what the filter's states ask for and nothing else. */
  readonly isExact: boolean;
};

const failedSource: Source = {
  source: "INDEXED BY operations_failed\n  WHERE state = 'failed'",
  isExact: true,
};

/** All unfinished operations, from the partial indexes that hold nothing else. */
const unfinishedSource: Source = {
  source: `
  WHERE id IN (
    SELECT id FROM operations INDEXED BY operations_ready WHERE state = 'ready'
    UNION ALL
    SELECT id FROM operations INDEXED BY operations_scheduled WHERE state = 'scheduled'
    UNION ALL
    SELECT id FROM operations INDEXED BY operations_parked WHERE state = 'parked'
    UNION ALL
    SELECT id FROM operations INDEXED BY operations_running WHERE lease_expires_at IS NOT NULL
  )`,
  isExact: false,
};

/** `unfinished`: how many there are. When they are many, the newest operations are mostly theirs. */
function sourceOf({ states, code }: OperationFilter, unfinished: number): Source {
  const failedOnly = states === undefined ? code !== undefined : states.join() === 'failed';
  if (failedOnly) return failedSource;
  const isUnfinishedOnly = states !== undefined && !states.some(isFinal);
  if (isUnfinishedOnly && unfinished <= limits.pageScanRows) return unfinishedSource;
  return { source: 'WHERE TRUE', isExact: false };
}

function conditionsOf(filter: OperationFilter, isExact: boolean, values: Value[]): string[] {
  const conditions: string[] = [];
  const add = (sql: string, ...bound: Value[]): void => {
    conditions.push(sql);
    values.push(...bound);
  };
  if (filter.tenant !== undefined) add('tenant = ?', filter.tenant);
  if (filter.task !== undefined) add('task = ?', filter.task);
  if (filter.states !== undefined && !isExact) {
    add(`state IN (${filter.states.map(() => '?').join(', ')})`, ...filter.states);
  }
  if (filter.code !== undefined) add('error_code = ?', filter.code);
  for (const [key, value] of Object.entries(filter.labels ?? {})) {
    add('EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)', key, value);
  }
  if (filter.text !== undefined) {
    // lower() changes ASCII only, as the contract wants.
    const fields = ['id', "coalesce(json_extract(error, '$.detail'), '')", inputText];
    const found = fields.map((field) => `instr(lower(${field}), lower(?)) > 0`);
    add(`(${found.join(' OR ')})`, ...fields.map(() => filter.text ?? ''));
  }
  return conditions;
}

/** Shapes of filters are few; this many statements are kept. */
const statementsMax = 64;

export function prepareList(
  reader: ReadConnection,
  ledger: Ledger,
): (p: ListOperations) => OperationPage {
  const statements = new Map<string, ReadStatement>();

  function prepared(sql: string): ReadStatement {
    let statement = statements.get(sql);
    if (statement === undefined) {
      if (statements.size >= statementsMax) statements.clear();
      statement = reader.prepare(sql);
      statements.set(sql, statement);
    }
    return statement;
  }

  return (p) => {
    const page = pageOf(p, ledger.unfinished);
    const rows = prepared(page.sql).all(...page.values, p.limit + 1);
    const operations = rows.slice(0, p.limit).map(operationOf);
    if (rows.length > p.limit) return { operations, nextBeforeId: operations.at(-1)?.id ?? null };
    // The scan ended before the page was full: at its limit, or at the last row?
    const bounds = p.filter.since === undefined ? 1 : 2;
    const end = prepared(page.endSql).all(...page.values.slice(0, bounds));
    return { operations, nextBeforeId: end.length < 2 ? null : String(end[0]?.[0]) };
  };
}
