import { limits } from '../core/limits.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';
import { operationColumns, operationOf } from '../store/operation-rows.ts';
import { operationBounds, type PageBounds } from '../store/page-bounds.ts';
import { textArray } from './array-literal.ts';
import type { Queries, Transaction, Value } from './connection.ts';

/**
 * One page, newest first, by id. A filter is applied to the rows that an index yields: at most
 * limits.pageScanRows of them, and limits.pageScanBytes of their texts. A page that ends there is
 * short, and the next one goes on after the last row looked at. Rare kinds (failed, unfinished)
 * have indexes of their own, so that their lists do not walk past a million completed operations.
 */
const textBytes = `
  ${limits.pageScanRowBytes} + coalesce(octet_length(result_inline), 0) + coalesce(octet_length(error), 0) + octet_length(input)`;

export type Page = {
  readonly sql: string;
  /** Where the scan ended: its last row, and one more row if there is one. */
  readonly endSql: string;
  /** Where the budget of bytes ends; null: no texts are looked at. */
  readonly budgetSql: string | null;
  /** Bounds of the id, upper and lower: $1 and $2 of all three. */
  readonly bounds: PageBounds;
  readonly conditions: readonly Value[];
  readonly textConditions: readonly Value[];
};

/** The statements for the members that `filter` has, and their values in the same order. */
export function pageOf({ filter, beforeId, limit }: ListOperations, unfinished: number): Page {
  const { scan, isExact } = sourceOf(filter, unfinished);
  const plain = conditionsOf(filter, isExact);
  const text = textConditionsOf(filter, 2 + plain.values.length);
  // Texts are stored out of line, so they are read only of rows that fit otherwise.
  const found = `
FROM (
  SELECT id AS found
  FROM (
    SELECT id, tenant, task, state, error_code, labels${scan}
    LIMIT ${limits.pageScanRows}
  ) AS scanned
  ${whereOf(plain.sql)}
) AS fitting
JOIN @operations AS operations ON operations.id = found`;
  const sql = `
SELECT ${operationColumns}${found}
${whereOf(text.sql)}
ORDER BY id DESC
LIMIT ${limit + 1}`;
  const budgetSql = `
SELECT id
FROM (
  SELECT id, sum(${textBytes}) OVER (ORDER BY id DESC ROWS UNBOUNDED PRECEDING) AS bytes${found}
) AS summed
WHERE bytes > ${limits.pageScanBytes}
ORDER BY id DESC
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
  /** The rows that are looked at, from FROM to ORDER BY. */
  readonly scan: string;
  /** It yields exactly the rows in the filter's states, so no further condition is needed. */
  readonly isExact: boolean;
};

const scanWhere = (condition: string): string => `
  FROM @operations
  WHERE ${condition}
    AND id < $1
    AND id >= $2
  ORDER BY id DESC`;

const failedSource: Source = { scan: scanWhere("state = 'failed'"), isExact: true };

/**
 * All unfinished operations: those that wait, and those with a lease. The bounds are inside the
 * parts, and OFFSET 0 keeps the join as it is written. With `id IN (…)` the planner, which takes
 * `id < $1` for half a percent of the table, went through all of it and looked for each row in the
 * list (20,000 finished, 2,000 pending: 480 ms a page; now 1).
 */
const unfinishedSource: Source = {
  scan: `
  FROM (
    SELECT id
    FROM @queue
    WHERE id < $1
      AND id >= $2
    UNION ALL
    SELECT id
    FROM @operations
    WHERE lease_expires_at IS NOT NULL
      AND id < $1
      AND id >= $2
    ORDER BY id DESC
    LIMIT ${limits.pageScanRows + 1}
  ) AS unfinished
  CROSS JOIN LATERAL (
    SELECT tenant, task, state, error_code, labels
    FROM @operations AS operations
    WHERE operations.id = unfinished.id
    OFFSET 0
  ) AS operations
  ORDER BY id DESC`,
  isExact: false,
};

function isUnfinishedOnly({ states }: OperationFilter): boolean {
  return states !== undefined && !states.some(isFinal);
}

/**
 * `unfinished`: how many unfinished operations there are. When there are many, they are most of the
 * newest operations, so the general scan finds them soon.
 */
function sourceOf(filter: OperationFilter, unfinished: number): Source {
  const { states, code, error } = filter;
  const hasError = code !== undefined || error !== undefined;
  const failedOnly = states === undefined ? hasError : states.join() === 'failed';
  if (failedOnly) return failedSource;
  if (isUnfinishedOnly(filter) && unfinished <= limits.pageScanRows) return unfinishedSource;
  return { scan: scanWhere('TRUE'), isExact: false };
}

type Conditions = { readonly sql: readonly string[]; readonly values: readonly Value[] };

function whereOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `WHERE ${conditions.join('\n  AND ')}`;
}

function conditionsOf(filter: OperationFilter, isExact: boolean): Conditions {
  const conditions: string[] = [];
  const values: Value[] = [];
  const bind = (value: Value): string => `$${values.push(value) + 2}`;
  if (filter.tenant !== undefined) conditions.push(`tenant = ${bind(filter.tenant)}`);
  if (filter.task !== undefined) conditions.push(`task = ${bind(filter.task)}`);
  if (filter.tasks !== undefined) {
    conditions.push(`task = ANY(${bind(textArray(filter.tasks))}::text[])`);
  }
  if (filter.states !== undefined && !isExact) {
    conditions.push(`state = ANY(${bind(textArray(filter.states))}::text[])`);
  }
  if (filter.code !== undefined) conditions.push(`error_code = ${bind(filter.code)}`);
  for (const [key, value] of Object.entries(filter.labels ?? {})) {
    conditions.push(`labels::json ->> ${bind(key)}::text = ${bind(value)}`);
  }
  return { sql: conditions, values };
}

/** As inputMemberText(). OFFSET 0 keeps the planner from parsing the input twice. */
const memberText = (names: string): string => String.raw`(
    SELECT CASE
      WHEN json_typeof(member) IN ('string', 'number', 'boolean') THEN member #>> '{}'
    END
    FROM (SELECT replace(input, '\u0000', '\ufffd')::json #> ${names} OFFSET 0) AS found (member)
  )`;

/** JSON may hold an escaped U+0000, which ->> cannot convert to text. */
const errorDetail = String.raw`coalesce(replace(error, '\u0000', '\ufffd')::json ->> 'detail', '')`;

/** `parameters`: the number of parameters that come before. */
function textConditionsOf(filter: OperationFilter, parameters: number): Conditions {
  const { text, textInputTasks, error, input } = filter;
  const conditions: string[] = [];
  const values: Value[] = [];
  const bind = (value: Value): string => `$${values.push(value) + parameters}`;
  // In this collation lower() changes ASCII only, as the contract demands.
  const lower = (value: string): string => `lower((${value}) COLLATE "C")`;
  const has = (parameter: string) => (field: string) =>
    `strpos(${lower(field)}, ${lower(`${parameter}::text`)}) > 0`;
  if (text !== undefined) {
    const hasText = has(bind(text));
    const inInput =
      textInputTasks === undefined
        ? ''
        : `task = ANY(${bind(textArray(textInputTasks))}::text[]) AND `;
    conditions.push(
      `(${hasText('id')} OR ${hasText(errorDetail)} OR ${inInput}${hasText('input')})`,
    );
  }
  if (error !== undefined) conditions.push('error IS NOT NULL', has(bind(error))(errorDetail));
  for (const [path, value] of Object.entries(input ?? {})) {
    const names = `${bind(textArray(path.split('.')))}::text[]`;
    conditions.push(`${memberText(names)} = ${bind(value)}`);
  }
  return { sql: conditions, values };
}

export const unfinishedSql = `
SELECT coalesce(sum(pending + processing), 0)::bigint
FROM @tasks`;

export function listOperations(database: Queries, p: ListOperations): Promise<OperationPage> {
  return database.read((tx) => listPage(tx, p));
}

async function listPage(tx: Transaction, p: ListOperations): Promise<OperationPage> {
  const [count] = isUnfinishedOnly(p.filter) ? await tx.all(unfinishedSql) : [];
  const page = pageOf(p, (count?.[0] as number | undefined) ?? 0);
  const { budgetSql, conditions, textConditions } = page;
  let bounds = page.bounds;
  const [budgetEnd] = budgetSql === null ? [] : await tx.all(budgetSql, ...bounds, ...conditions);
  const stopId = budgetEnd === undefined ? null : String(budgetEnd[0]);
  if (stopId !== null) bounds = [bounds[0], stopId];
  const rows = await tx.all(page.sql, ...bounds, ...conditions, ...textConditions);
  const operations: Operation[] = rows.slice(0, p.limit).map(operationOf);
  if (rows.length > p.limit) return { operations, nextBeforeId: operations.at(-1)?.id ?? null };
  if (stopId !== null) return { operations, nextBeforeId: stopId };
  // The scan ended before the page was full, either at its limit or at the last row.
  const end = await tx.all(page.endSql, ...bounds);
  return { operations, nextBeforeId: end.length < 2 ? null : String(end[0]?.[0]) };
}
