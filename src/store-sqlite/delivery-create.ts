import { isFinalEvent, isOvertaken, type Delivery } from '../core/delivery.ts';
import type { NewDelivery } from '../store/delivery-store.ts';
import { newDelivery } from '../store/new-delivery.ts';
import { membersText } from '../store/json-columns.ts';
import type { WriteConnection } from './connection.ts';
import { leaseRoom, type Deliveries } from './deliveries.ts';
import { deliveryRowColumns, deliveryRowOf } from './delivery-rows.ts';
import type { EndpointEntry } from './endpoint-entry.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';

export const insertDeliverySql = `
INSERT INTO deliveries
  (id, endpoint_seq, state, version, created_at, attempts, failures, failures_max, next_at, expires_at,
   trigger, next_reason, tenant, event, operation_id, url, lease_worker)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '${leaseRoom}')
ON CONFLICT (id) DO NOTHING`;

const insertBodySql = `
INSERT INTO delivery_bodies (delivery_seq, body, headers, secret)
VALUES (last_insert_rowid(), ?, ?, ?)`;

export const hasFinalEventSql = `
SELECT 1
FROM deliveries
WHERE operation_id = ?
  AND event IN ('operation.completed', 'operation.failed')
LIMIT 1`;

/** Deliveries that are obsolete once a final event of their operation is stored. */
export const overtakenSql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE operation_id = ?
  AND state IN ('pending', 'held')
  AND event IN ('operation.started', 'operation.progress')`;

/**
 * Creates a delivery, and its endpoint when it is missing. A delivery that is dropped, or stored
 * already, changes nothing.
 */
export type CreateDelivery = (p: NewDelivery, now: number) => void;

export function prepareCreateDelivery(
  writer: WriteConnection,
  endpoints: EndpointLedger,
  deliveries: Deliveries,
): CreateDelivery {
  const insert = writer.prepare(insertDeliverySql);
  const insertBody = writer.prepare(insertBodySql);
  const hasFinalEvent = writer.prepare(hasFinalEventSql);
  const overtaken = writer.prepare(overtakenSql);

  /** undefined: there is no endpoint, so nobody to send to. */
  function endpointOf(p: NewDelivery, now: number): EndpointEntry | undefined {
    if (p.endpoint === null) {
      const entry = endpoints.find(p.endpointId);
      return entry?.removedAt === null ? entry : undefined;
    }
    const kept = endpoints.findRequest(p.endpoint.tenant, p.endpoint.url);
    // A delivery that is stored already needs no endpoint, and must not create one that stays
    // without deliveries.
    if (kept !== undefined || deliveries.find(p.id) !== undefined) return kept;
    const known = endpoints.find(p.endpointId);
    if (known?.removedAt === null) return known;
    return endpoints.insert({ ...p.endpoint, id: p.endpointId }, now);
  }

  /** The seq of its row; null: it is stored already. */
  function inserted(delivery: Delivery, endpointSeq: number): number | null {
    const { id, state, version, createdAt, attempts, failures, failuresMax } = delivery;
    const counts = [version, createdAt, attempts, failures, failuresMax];
    const { nextAt, expiresAt, trigger, nextReason } = delivery;
    const plan = [nextAt, expiresAt, trigger, nextReason];
    const { tenant, event, operationId, url } = delivery;
    const others = [tenant, event, operationId, url];
    return insert.insertNew(id, endpointSeq, state, ...counts, ...plan, ...others);
  }

  return (p, now) => {
    const { operationId } = p;
    const isLate = isOvertaken(p.event) && operationId !== null;
    if (isLate && hasFinalEvent.first(operationId) !== undefined) return;
    const entry = endpointOf(p, now);
    if (entry === undefined) return;
    const delivery = newDelivery(p, entry.endpoint, now);
    const seq = inserted(delivery, entry.seq);
    if (seq === null) return;
    const { body, headers, secret } = p;
    insertBody.run(body, membersText(headers), secret);
    const row = {
      seq,
      endpointSeq: entry.seq,
      attemptStartedAt: null,
      lastAttempt: null,
      delivery,
    };
    endpoints.ahead.created(entry.seq, { row, body, headers, secret });
    endpoints.touch(entry, now);
    if (operationId === null || !isFinalEvent(p.event)) return;
    for (const row of overtaken.all(operationId)) {
      deliveries.apply(deliveryRowOf(row), { type: 'discarded' }, now);
    }
  };
}
