import { smallestIdAt } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';
import type { ReadConnection, ReadStatement, Value } from './connection.ts';
import { operationColumns, operationOf } from './rows.ts';

/**
 * One page, newest first, by id. A filter is applied to the rows the index yields, limits.pageScanRows
 * at most; a page that ends there is short and goes on at the last row looked at. What is rare has an
 * index of its own: failed and running operations are found without walking the completed ones.
 */
const inputText = `
coalesce(input, (SELECT inputs.input FROM inputs WHERE operation_seq = scanned.seq))`;

/** Longer than any id. */
const idMax = 'op_~';

export type Page = { readonly sql: string; readonly endSql: string; readonly values: Value[] };

/** The statement for the members that `filter` has; values follow in the same order. */
export function pageOf({ filter, beforeId }: ListOperations): Page {
  const { source, isExact } = sourceOf(filter);
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
LIMIT ?`;
  const endSql = `
SELECT id${scan}
LIMIT 2 OFFSET ${limits.pageScanRows - 1}`;
  return { sql, endSql, values };
}

function upperBound({ until }: OperationFilter, beforeId: string | null): string {
  const untilId = until === undefined ? idMax : smallestIdAt(until);
  return beforeId !== null && beforeId < untilId ? beforeId : untilId;
}

function sourceOf(filter: OperationFilter): { source: string; isExact: boolean } {
  const { states, code } = filter;
  const failedOnly = states?.length === 1 && states[0] === 'failed';
  if (failedOnly || (code !== undefined && states === undefined)) {
    return { source: "INDEXED BY operations_failed\n  WHERE state = 'failed'", isExact: true };
  }
  if (states?.length === 1 && states[0] === 'running') {
    return {
      source: 'INDEXED BY operations_running\n  WHERE lease_expires_at IS NOT NULL',
      isExact: true,
    };
  }
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

export function prepareList(reader: ReadConnection): (p: ListOperations) => OperationPage {
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
    const page = pageOf(p);
    const rows = prepared(page.sql).all(...page.values, p.limit + 1);
    const operations = rows.slice(0, p.limit).map(operationOf);
    if (rows.length > p.limit) return { operations, nextBeforeId: operations.at(-1)?.id ?? null };
    // The scan ended before the page was full: at its limit, or at the last row?
    const bounds = p.filter.since === undefined ? 1 : 2;
    const end = prepared(page.endSql).all(...page.values.slice(0, bounds));
    return { operations, nextBeforeId: end.length < 2 ? null : String(end[0]?.[0]) };
  };
}
