import { attemptUnderWay, type Delivery, type DeliveryAttempt } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import {
  attemptStartOf,
  deliveryAttemptColumns,
  deliveryColumnCount,
  deliveryColumns,
  deliveryOf,
  keptColumns,
  storedDeliveryOf,
} from '../store/delivery-rows.ts';
import type { StoredDelivery } from '../store/delivery-store.ts';
import { textArray } from './array-literal.ts';
import type { Queries } from './connection.ts';
import { selectDeliveriesSql } from './deliveries.ts';
import { deliveryAttemptOf } from './delivery-rows.ts';

export const readDeliverySql = `
SELECT ${deliveryColumns}, ${keptColumns}
FROM @deliveries
WHERE id = $1`;

export const operationDeliverySql = `
SELECT ${deliveryColumns}
FROM @deliveries
WHERE operation_id = $1
  AND event IN ('operation.completed', 'operation.failed')
  AND (SELECT kind FROM @endpoints AS endpoints WHERE endpoints.id = endpoint_id) = 'request'
ORDER BY id DESC
LIMIT 1`;

export const listDeliveryAttemptsSql = `
SELECT ${deliveryAttemptColumns}
FROM @delivery_attempts
WHERE delivery_id = $1
ORDER BY number DESC
LIMIT $2`;

export async function readDelivery(database: Queries, id: string): Promise<StoredDelivery | null> {
  const [row] = await database.all(readDeliverySql, id);
  if (row === undefined) return null;
  return storedDeliveryOf(deliveryOf(row), row.slice(deliveryColumnCount));
}

export async function readOperationDelivery(
  database: Queries,
  operationId: string,
): Promise<Delivery | null> {
  const [row] = await database.read((tx) => tx.all(operationDeliverySql, operationId));
  return row === undefined ? null : deliveryOf(row);
}

/** Reads one snapshot, so that an attempt that ends meanwhile is listed once. */
export async function listDeliveryAttempts(
  database: Queries,
  id: string,
): Promise<DeliveryAttempt[]> {
  const [[row], rows] = await database.read((tx) =>
    Promise.all([
      tx.all(selectDeliveriesSql, textArray([id])),
      tx.all(listDeliveryAttemptsSql, id, limits.deliveryAttemptsShown),
    ]),
  );
  if (row === undefined) return [];
  // The attempt under way has no row of its own yet.
  const startedAt = attemptStartOf(row);
  const current = startedAt === null ? [] : [attemptUnderWay(deliveryOf(row), startedAt)];
  const ended = rows.toReversed().map((attempt) => deliveryAttemptOf(id, attempt));
  const attempts = [...ended, ...current];
  return attempts.slice(-limits.deliveryAttemptsShown);
}
