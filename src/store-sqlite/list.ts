import { limits } from '../core/limits.ts';
import { isFinal } from '../core/operation.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';
import { operationColumns, operationOf } from '../store/operation-rows.ts';
import { operationBounds, type PageBounds } from '../store/page-bounds.ts';
import type { ReadConnection, Value } from './connection.ts';
import { filterStatements } from './filter-statements.ts';
import type { Ledger } from './ledger.ts';

/**
 * One page, newest first, by id. A filter is applied to the rows that an index yields: at most
 * limits.pageScanRows of them, and limits.pageScanBytes of their texts (500 MB blocked everything
 * for 2 s). A page that ends there is short, and the next one goes on after the last row looked at.
 * Rare kinds (failed, unfinished) have indexes of their own, so that their lists do not walk past a
 * million completed operations.
 */
const inputText = `
coalesce(input, (SELECT inputs.input FROM inputs WHERE operation_seq = operations.seq))`;

/** Bytes that are read with a row's texts; the lengths are known without reading these. */
const textBytes = `
    ${limits.pageScanRowBytes}
    + coalesce(octet_length(result_inline), 0)
    + coalesce(octet_length(error), 0)
    + coalesce(octet_length(input),
      (SELECT octet_length(inputs.input) FROM inputs WHERE operation_seq = operations.seq))`;

export type Page = {
  readonly sql: string;
  /** Where the scan ended: its last row, and one more row if there is one. */
  readonly endSql: string;
  /** Where the budget of bytes ends; null: no texts are looked at. */
  readonly budgetSql: string | null;
  /** Bounds of the id, upper and lower. */
  readonly bounds: PageBounds;
  readonly conditions: readonly Value[];
  readonly textConditions: readonly Value[];
};

/** The statements for the members that `filter` has, and their values in the same order. */
export function pageOf({ filter, beforeId }: ListOperations, unfinished: number): Page {
  const { source, isExact } = sourceOf(filter, unfinished);
  const scan = `
  FROM operations ${source}
    AND id < ?
    AND id >= ?
  ORDER BY id DESC`;
  const plain = conditionsOf(filter, isExact);
  const text = textConditionsOf(filter);
  // In a row, texts come after its result, so they are read only of rows that fit otherwise.
  const found = `
FROM (
  SELECT seq AS found
  FROM (
    SELECT seq, tenant, task, state, error_code, labels${scan}
    LIMIT ${limits.pageScanRows}
  )
  ${whereOf(plain.sql)}
)
CROSS JOIN operations ON operations.seq = found`;
  const sql = `
SELECT ${operationColumns}${found}
${whereOf(text.sql)}
LIMIT ? + 0`;
  const budgetSql = `
SELECT id
FROM (
  SELECT id, sum(${textBytes}) OVER (ROWS UNBOUNDED PRECEDING) AS bytes${found}
)
WHERE bytes > ${limits.pageScanBytes}
LIMIT 1`;
  const endSql = `
SELECT id${scan}
LIMIT 2 OFFSET ${limits.pageScanRows - 1}`;
  return {
    sql,
    endSql,
    budgetSql: text.sql.length === 0 ? null : budgetSql,
    bounds: operationBounds({ filter, beforeId }),
    conditions: plain.values,
    textConditions: text.values,
  };
}

type Source = {
  /** The SQL between FROM and the bounds. */
  readonly source: string;
  /** It yields exactly the rows in the filter's states, so no further condition is needed. */
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

/**
 * `unfinished`: how many unfinished operations there are. When there are many, they are most of the
 * newest operations, so the general scan finds them soon.
 */
function sourceOf({ states, code, error }: OperationFilter, unfinished: number): Source {
  const hasError = code !== undefined || error !== undefined;
  const failedOnly = states === undefined ? hasError : states.join() === 'failed';
  if (failedOnly) return failedSource;
  const isUnfinishedOnly = states !== undefined && !states.some(isFinal);
  if (isUnfinishedOnly && unfinished <= limits.pageScanRows) return unfinishedSource;
  return { source: 'WHERE TRUE', isExact: false };
}

type Conditions = { readonly sql: readonly string[]; readonly values: readonly Value[] };

function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join('\n  AND ')}`;
}

/** Takes one value, so that there is one statement for any number of tasks. */
const isOneOf = 'task IN (SELECT value FROM json_each(?))';

function conditionsOf(filter: OperationFilter, isExact: boolean): Conditions {
  const conditions: string[] = [];
  const values: Value[] = [];
  const add = (sql: string, ...bound: Value[]): void => {
    conditions.push(sql);
    values.push(...bound);
  };
  if (filter.tenant !== undefined) add('tenant = ?', filter.tenant);
  if (filter.task !== undefined) add('task = ?', filter.task);
  if (filter.tasks !== undefined) add(isOneOf, JSON.stringify(filter.tasks));
  if (filter.states !== undefined && !isExact) {
    add(`state IN (${filter.states.map(() => '?').join(', ')})`, ...filter.states);
  }
  if (filter.code !== undefined) add('error_code = ?', filter.code);
  for (const [key, value] of Object.entries(filter.labels ?? {})) {
    add('EXISTS (SELECT 1 FROM json_each(labels) WHERE key = ? AND value = ?)', key, value);
  }
  return { sql: conditions, values };
}

const errorDetail = "coalesce(json_extract(error, '$.detail'), '')";

/**
 * As inputMemberText(): `->` gives a number as it was sent, `->>` would give 1.5 for 1.50 and 1 for
 * true.
 */
const memberText = `(
    SELECT CASE json_type(text, path)
      WHEN 'text' THEN text ->> path
      WHEN 'integer' THEN text -> path
      WHEN 'real' THEN text -> path
      WHEN 'true' THEN 'true'
      WHEN 'false' THEN 'false'
    END
    FROM (SELECT ${inputText} AS text, ? AS path)
  )`;

function textConditionsOf(filter: OperationFilter): Conditions {
  const { text, textInputTasks, error, input } = filter;
  const conditions: string[] = [];
  const values: Value[] = [];
  // lower() changes ASCII only, as the contract demands.
  const has = (field: string): string => `instr(lower(${field}), lower(?)) > 0`;
  if (text !== undefined) {
    const inInput = textInputTasks === undefined ? '' : `${isOneOf} AND `;
    conditions.push(`(${has('id')} OR ${has(errorDetail)} OR ${inInput}${has(inputText)})`);
    values.push(text, text);
    if (textInputTasks !== undefined) values.push(JSON.stringify(textInputTasks));
    values.push(text);
  }
  if (error !== undefined) {
    conditions.push('error IS NOT NULL', has(errorDetail));
    values.push(error);
  }
  for (const [path, value] of Object.entries(input ?? {})) {
    const names = path.split('.').map((name) => `."${name}"`);
    conditions.push(`${memberText} = ?`);
    values.push(`$${names.join('')}`, value);
  }
  return { sql: conditions, values };
}

export function prepareList(
  reader: ReadConnection,
  ledger: Ledger,
): (p: ListOperations) => OperationPage {
  const prepared = filterStatements(reader);

  return (p) => {
    const page = pageOf(p, ledger.unfinished);
    const bounds = [...page.bounds];
    const { budgetSql, conditions, textConditions } = page;
    const budgetEnd =
      budgetSql === null ? undefined : prepared(budgetSql).first(...bounds, ...conditions);
    const stopId = budgetEnd === undefined ? null : String(budgetEnd[0]);
    if (stopId !== null) bounds[1] = stopId;
    const values = [...bounds, ...conditions, ...textConditions, p.limit + 1];
    const rows = prepared(page.sql).all(...values);
    const operations = rows.slice(0, p.limit).map(operationOf);
    if (rows.length > p.limit) return { operations, nextBeforeId: operations.at(-1)?.id ?? null };
    if (stopId !== null) return { operations, nextBeforeId: stopId };
    // The scan ended before the page was full, either at its limit or at the last row.
    const end = prepared(page.endSql).all(...bounds);
    return { operations, nextBeforeId: end.length < 2 ? null : String(end[0]?.[0]) };
  };
}
