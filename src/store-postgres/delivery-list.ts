import type { Delivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { deliveryColumns, deliveryOf } from '../store/delivery-rows.ts';
import type { DeliveryFilter, DeliveryPage, ListDeliveries } from '../store/delivery-store.ts';
import { deliveryBounds } from '../store/page-bounds.ts';
import { textArray } from './array-literal.ts';
import type { Queries, Transaction, Value } from './connection.ts';

/**
 * One page of deliveries, newest first by id, made as list.ts does for operations: rows from an
 * index, filtered, at most limits.pageScanRows of them. There is an index each for one endpoint,
 * for one operation, for dead letters and for unfinished deliveries, so that none of these lists
 * walks past a million delivered ones.
 */
export type DeliveryPageSql = {
  readonly sql: string;
  /** Counts the matching rows among those that a page looks at. */
  readonly countSql: string;
  /** Where the scan ended: its last row, and one more row if there is one. */
  readonly endSql: string;
  /**
   * Bounds of the id, upper and lower, as $1 and $2 of all three statements, then the source's
   * value.
   */
  readonly sourceValues: readonly Value[];
  readonly conditions: readonly Value[];
};

type Asked = Pick<ListDeliveries, 'filter' | 'beforeId'> & { readonly limit?: number };

/**
 * `unfinished`: how many deliveries are unfinished, counted up to limits.pageScanRows + 1; beyond
 * that the number makes no difference.
 */
export function deliveryPageOf(p: Asked, unfinished: number): DeliveryPageSql {
  const { filter, beforeId, limit = 1 } = p;
  const source = sourceOf(filter, unfinished);
  const sourceValues = [...deliveryBounds({ filter, beforeId }), ...source.values];
  const conditions = conditionsOf(filter, source.isExact, sourceValues.length);
  const where = conditions.sql.length === 0 ? '' : `WHERE ${conditions.sql.join('\n  AND ')}`;
  const { scan } = source;
  const found = `
FROM (
  SELECT id, endpoint_id, tenant, state, event, last_error${scan}
  LIMIT ${limits.pageScanRows}
) AS scanned
${where}`;
  return {
    sql: `
SELECT ${deliveryColumns}
FROM (
  SELECT id AS found${found}
  LIMIT ${limit + 1}
) AS fitting
JOIN @deliveries AS deliveries ON deliveries.id = found
ORDER BY id DESC`,
    countSql: `
SELECT count(*)${found}`,
    endSql: `
SELECT id${scan}
LIMIT 2 OFFSET ${limits.pageScanRows - 1}`,
    sourceValues,
    conditions: conditions.values,
  };
}

type Source = {
  /** The rows that are looked at, from FROM to ORDER BY. Its one value is $3. */
  readonly scan: string;
  readonly values: readonly Value[];
  /** It yields exactly the rows in the filter's states, so no further condition is needed. */
  readonly isExact: boolean;
};

const unfinishedStates: readonly string[] = ['pending', 'sending', 'held'];

export const countUnfinishedSql = `
SELECT count(*)
FROM (
  SELECT
  FROM @deliveries
  WHERE finished_at IS NULL
    AND expires_at > ${Number.MIN_SAFE_INTEGER}
  LIMIT ${limits.pageScanRows + 1}
) AS counted`;

const scanWhere = (condition: string): string => `
  FROM @deliveries
  WHERE ${condition}
    AND id < $1
    AND id >= $2
  ORDER BY id DESC`;

/** Written in this form for the planner: see the source of the same name in list.ts. */
const unfinishedSource = `
  FROM (
    SELECT id, endpoint_id, tenant, state, event, last_error
    FROM @deliveries
    WHERE finished_at IS NULL
      AND expires_at > ${Number.MIN_SAFE_INTEGER}
      AND id < $1
      AND id >= $2
    OFFSET 0
  ) AS unfinished
  ORDER BY id DESC`;

function sourceOf(filter: DeliveryFilter, unfinished: number): Source {
  const { operationId, endpointId, states } = filter;
  if (operationId !== undefined) {
    return { scan: scanWhere('operation_id = $3'), values: [operationId], isExact: false };
  }
  const isExact = states?.join() === 'dead';
  const dead = isExact ? "state = 'dead'" : 'TRUE';
  if (endpointId !== undefined) {
    const scan = scanWhere(`${dead} AND endpoint_id = $3`);
    return { scan, values: [endpointId], isExact };
  }
  const isUnfinishedOnly = states?.every((state) => unfinishedStates.includes(state)) === true;
  if (isUnfinishedOnly && unfinished <= limits.pageScanRows) {
    return { scan: unfinishedSource, values: [], isExact: false };
  }
  return { scan: scanWhere(dead), values: [], isExact };
}

type Conditions = { readonly sql: readonly string[]; readonly values: readonly Value[] };

function conditionsOf(filter: DeliveryFilter, isExact: boolean, bound: number): Conditions {
  const sql: string[] = [];
  const values: Value[] = [];
  const bind = (value: Value): string => `$${values.push(value) + bound}`;
  const { tenant, states, event, error, operationId, endpointId } = filter;
  if (tenant !== undefined) sql.push(`tenant = ${bind(tenant)}`);
  if (states !== undefined && !isExact) {
    sql.push(`state = ANY(${bind(textArray(states))}::text[])`);
  }
  if (event !== undefined) sql.push(`event = ${bind(event)}`);
  if (error !== undefined) sql.push(`last_error = ${bind(error)}`);
  if (operationId !== undefined && endpointId !== undefined) {
    sql.push(`endpoint_id = ${bind(endpointId)}`);
  }
  return { sql, values };
}

export function listDeliveries(database: Queries, p: ListDeliveries): Promise<DeliveryPage> {
  return database.read(async (tx) => {
    const page = await pageOf(tx, p);
    const rows = await tx.all(page.sql, ...page.sourceValues, ...page.conditions);
    const deliveries: Delivery[] = rows.slice(0, p.limit).map(deliveryOf);
    const last = deliveries.at(-1)?.id ?? null;
    return { deliveries, nextBeforeId: rows.length > p.limit ? last : await endOf(tx, page) };
  });
}

/**
 * Counts up to limits.deliveryCountMax. Each part looks at limits.pageScanRows rows, in a
 * transaction of its own.
 */
export async function countDeliveries(
  database: Queries,
  filter: DeliveryFilter,
  requireOpen: () => void,
): Promise<number> {
  let count = 0;
  let beforeId: string | null = null;
  do {
    requireOpen();
    const asked: Asked = { filter, beforeId };
    const counted = await database.read(async (tx) => {
      const page = await pageOf(tx, asked);
      const [row] = await tx.all(page.countSql, ...page.sourceValues, ...page.conditions);
      return { count: row?.[0] as number, nextBeforeId: await endOf(tx, page) };
    });
    count += counted.count;
    beforeId = counted.nextBeforeId;
  } while (beforeId !== null && count < limits.deliveryCountMax);
  return Math.min(count, limits.deliveryCountMax);
}

async function pageOf(tx: Transaction, p: Asked): Promise<DeliveryPageSql> {
  const [row] = p.filter.states === undefined ? [] : await tx.all(countUnfinishedSql);
  return deliveryPageOf(p, (row?.[0] as number | undefined) ?? 0);
}

async function endOf(
  tx: Transaction,
  { endSql, sourceValues }: DeliveryPageSql,
): Promise<string | null> {
  const end = await tx.all(endSql, ...sourceValues);
  return end.length < 2 ? null : String(end[0]?.[0]);
}
