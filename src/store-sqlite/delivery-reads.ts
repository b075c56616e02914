import { attemptUnderWay, type Delivery, type DeliveryAttempt } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import { keptColumns, storedDeliveryOf } from '../store/delivery-rows.ts';
import type { StoredDelivery } from '../store/delivery-store.ts';
import type { ReadConnection, Row } from './connection.ts';
import {
  deliveryAttemptOf,
  deliveryAttemptRowColumns,
  deliveryRowColumns,
  deliveryRowOf,
  deliverySeqOf,
  previousAttempt,
  type DeliveryRow,
} from './delivery-rows.ts';
import { selectDeliverySql } from './deliveries.ts';
import type { UnwrittenDeliveries } from './unwritten-deliveries.ts';

export const keptOfDeliverySql = `
SELECT ${keptColumns}
FROM delivery_bodies
WHERE delivery_seq = ?`;

export const operationDeliverySql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE operation_id = ?
  AND event IN ('operation.completed', 'operation.failed')
  AND (SELECT kind FROM endpoints WHERE endpoints.seq = endpoint_seq) = 'request'
ORDER BY id DESC
LIMIT 1`;

export const deliveryAttemptSql = `
SELECT ${deliveryAttemptRowColumns}
FROM delivery_attempts
WHERE seq = ?`;

export type DeliveryReads = {
  readonly delivery: (id: string) => StoredDelivery | null;
  readonly ofOperation: (operationId: string) => Delivery | null;
  readonly attempts: (id: string) => DeliveryAttempt[];
};

export function prepareDeliveryReads(
  reader: ReadConnection,
  unwritten: UnwrittenDeliveries,
): DeliveryReads {
  const select = reader.prepare(selectDeliverySql);
  const selectKept = reader.prepare(keptOfDeliverySql);
  const ofOperation = reader.prepare(operationDeliverySql);
  const selectAttempt = reader.prepare(deliveryAttemptSql);

  const shown = (row: Row): DeliveryRow => {
    const read = deliveryRowOf(row);
    return unwritten.shown(read.delivery.id)?.row ?? read;
  };

  /** Ended attempts from the latest, which is `seq`, back to the first; at most `count`. */
  function ended(seq: number | null, count: number): Row[] {
    const rows: Row[] = [];
    for (let at = seq; at !== null && rows.length < count;) {
      const row = selectAttempt.first(at);
      if (row === undefined) break;
      rows.push(row);
      at = previousAttempt(row);
    }
    return rows;
  }

  return {
    delivery: (id) => {
      const row = select.first(id);
      const kept = row && selectKept.first(deliverySeqOf(row));
      if (row === undefined || kept === undefined) return null;
      return storedDeliveryOf(shown(row).delivery, kept);
    },
    ofOperation: (operationId) => {
      const row = ofOperation.first(operationId);
      return row === undefined ? null : shown(row).delivery;
    },
    attempts: (id) => {
      const row = select.first(id);
      if (row === undefined) return [];
      // The attempt under way has no row of its own yet.
      const { lastAttempt, attemptStartedAt: startedAt, delivery } = shown(row);
      const current = startedAt === null ? [] : [attemptUnderWay(delivery, startedAt)];
      const rows = ended(lastAttempt, limits.deliveryAttemptsShown - current.length).toReversed();
      return [...rows.map((attempt) => deliveryAttemptOf(id, attempt)), ...current];
    },
  };
}
