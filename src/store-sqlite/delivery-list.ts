import type { Delivery } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { deliveryOf } from '../store/delivery-rows.ts';
import type { DeliveryFilter, DeliveryPage, ListDeliveries } from '../store/delivery-store.ts';
import { deliveryBounds, type PageBounds } from '../store/page-bounds.ts';
import type { ReadConnection, Value } from './connection.ts';
import { deliveryRowColumns } from './delivery-rows.ts';
import { filterStatements } from './filter-statements.ts';
import type { UnwrittenDeliveries } from './unwritten-deliveries.ts';

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
  /** The values of the source, before the bounds of the id (upper and lower). */
  readonly sourceValues: readonly Value[];
  readonly bounds: PageBounds;
  readonly conditions: readonly Value[];
};

/**
 * `unfinished`: how many deliveries are unfinished, counted up to limits.pageScanRows + 1; beyond
 * that the number makes no difference.
 */
export function deliveryPageOf(
  { filter, beforeId }: Pick<ListDeliveries, 'filter' | 'beforeId'>,
  unfinished: number,
): DeliveryPageSql {
  const source = sourceOf(filter, unfinished);
  const conditions = conditionsOf(filter, source.isExact);
  const where = conditions.sql.length === 0 ? '' : `WHERE ${conditions.sql.join('\n  AND ')}`;
  const scan = `
  FROM deliveries ${source.sql}
    AND id < ?
    AND id >= ?
  ORDER BY id DESC`;
  const found = `
FROM (
  SELECT seq AS found
  FROM (
    SELECT seq, endpoint_seq, tenant, state, event, last_error${scan}
    LIMIT ${limits.pageScanRows}
  )
  ${where}
)`;
  return {
    sql: `
SELECT ${deliveryRowColumns}${found}
CROSS JOIN deliveries ON deliveries.seq = found
LIMIT ? + 0`,
    countSql: `
SELECT count(*)${found}`,
    endSql: `
SELECT id${scan}
LIMIT 2 OFFSET ${limits.pageScanRows - 1}`,
    sourceValues: source.values,
    bounds: deliveryBounds({ filter, beforeId }),
    conditions: conditions.values,
  };
}

type Source = {
  /** The SQL between FROM and the bounds. */
  readonly sql: string;
  readonly values: readonly Value[];
  /** It yields exactly the rows in the filter's states, so no further condition is needed. */
  readonly isExact: boolean;
};

const unfinishedStates: readonly string[] = ['pending', 'sending', 'held'];

export const countUnfinishedSql = `
SELECT count(*)
FROM (
  SELECT 1
  FROM deliveries INDEXED BY deliveries_unfinished
  WHERE finished_at IS NULL
  LIMIT ${limits.pageScanRows + 1}
)`;

const unfinishedSql = `
  WHERE id IN (
    SELECT id FROM deliveries INDEXED BY deliveries_unfinished WHERE finished_at IS NULL
  )`;

function sourceOf(filter: DeliveryFilter, unfinished: number): Source {
  const { operationId, endpointId, states } = filter;
  const isExact = states?.join() === 'dead';
  const dead = isExact ? "state = 'dead' AND " : '';
  if (operationId !== undefined) {
    const sql = 'INDEXED BY deliveries_of_operation WHERE operation_id = ?';
    return { sql, values: [operationId], isExact: false };
  }
  if (endpointId !== undefined) {
    const index = isExact ? 'deliveries_dead_of_endpoint' : 'deliveries_of_endpoint';
    const endpoint = '(SELECT endpoints.seq FROM endpoints WHERE endpoints.id = ?)';
    const sql = `INDEXED BY ${index} WHERE ${dead}endpoint_seq = ${endpoint}`;
    return { sql, values: [endpointId], isExact };
  }
  if (isExact)
    return { sql: "INDEXED BY deliveries_dead WHERE state = 'dead'", values: [], isExact };
  const isUnfinishedOnly = states?.every((state) => unfinishedStates.includes(state)) === true;
  if (isUnfinishedOnly && unfinished <= limits.pageScanRows) {
    return { sql: unfinishedSql, values: [], isExact: false };
  }
  return { sql: 'WHERE TRUE', values: [], isExact: false };
}

function conditionsOf(filter: DeliveryFilter, isExact: boolean) {
  const sql: string[] = [];
  const values: Value[] = [];
  const add = (condition: string, ...bound: Value[]): void => {
    sql.push(condition);
    values.push(...bound);
  };
  const { tenant, states, event, error, operationId, endpointId } = filter;
  if (tenant !== undefined) add('tenant = ?', tenant);
  if (states !== undefined && !isExact) {
    add(`state IN (${states.map(() => '?').join(', ')})`, ...states);
  }
  if (event !== undefined) add('event = ?', event);
  if (error !== undefined) add('last_error = ?', error);
  if (operationId !== undefined && endpointId !== undefined) {
    const endpoint = 'SELECT endpoints.seq FROM endpoints WHERE endpoints.id = ?';
    add(`endpoint_seq = (${endpoint})`, endpointId);
  }
  return { sql, values };
}

export type DeliveryLists = {
  readonly list: (p: ListDeliveries) => DeliveryPage;
  /**
   * How many of at most limits.pageScanRows rows from `beforeId` on match; `nextBeforeId` null:
   * there were no more rows.
   */
  readonly count: (p: { readonly filter: DeliveryFilter; readonly beforeId: string | null }) => {
    readonly count: number;
    readonly nextBeforeId: string | null;
  };
};

export function prepareDeliveryLists(
  reader: ReadConnection,
  unwritten: UnwrittenDeliveries,
): DeliveryLists {
  const prepared = filterStatements(reader);
  const countUnfinished = reader.prepare(countUnfinishedSql);

  function pageOf(p: Pick<ListDeliveries, 'filter' | 'beforeId'>): DeliveryPageSql {
    const unfinished = p.filter.states === undefined ? 0 : countUnfinished.first()?.[0];
    return deliveryPageOf(p, Number(unfinished));
  }

  function endOf({ endSql, sourceValues, bounds }: DeliveryPageSql): string | null {
    const end = prepared(endSql).all(...sourceValues, ...bounds);
    return end.length < 2 ? null : String(end[0]?.[0]);
  }

  return {
    list: (p) => {
      const page = pageOf(p);
      const values = [...page.sourceValues, ...page.bounds, ...page.conditions];
      const rows = prepared(page.sql).all(...values, p.limit + 1);
      const shown = rows.slice(0, p.limit).map((row): Delivery => {
        const read = deliveryOf(row);
        return unwritten.shown(read.id)?.row.delivery ?? read;
      });
      const last = shown.at(-1)?.id ?? null;
      const { states } = p.filter;
      // Claimed since their rows were written, perhaps.
      const deliveries =
        states === undefined ? shown : shown.filter(({ state }) => states.includes(state));
      return { deliveries, nextBeforeId: rows.length > p.limit ? last : endOf(page) };
    },
    count: (p) => {
      const page = pageOf(p);
      const values = [...page.sourceValues, ...page.bounds, ...page.conditions];
      const row = prepared(page.countSql).first(...values);
      return { count: Number(row?.[0] ?? 0), nextBeforeId: endOf(page) };
    },
  };
}
