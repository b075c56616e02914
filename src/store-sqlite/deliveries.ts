import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Delivery, DeliveryAttempt, DeliveryTransition } from '../core/delivery.ts';
import type { WriteConnection } from './connection.ts';
import {
  deliveryAttemptValues,
  deliveryColumns,
  deliveryRowOf,
  type DeliveryRow,
} from './delivery-rows.ts';
import type { EndpointEntry, EndpointLedger } from './endpoint-ledger.ts';

/**
 * The one way by which a delivery changes: read the row, decideAtEndpoint() in core, write what it says, and note it
 * with its endpoint. Several statements write, so that each touches the indexes it must and no others: SQLite writes
 * the index of every column in a SET anew, whether its value is another or not.
 */
export const selectDeliverySql = `
SELECT ${deliveryColumns}
FROM deliveries
WHERE id = ?`;

/**
 * Stands in the place of a worker in what waits, as long as a lease is: a claim that made the row longer split every
 * full page of the table. 26 to 28 pages are logged a commit of 20 claims and 20 ends, not 30 to 32.
 */
export const leaseRoom = '-'.repeat(32);

export const claimDeliverySql = `
UPDATE deliveries
SET state = 'sending',
    version = ?,
    attempts = ?,
    next_at = NULL,
    next_reason = NULL,
    attempt_started_at = ?,
    lease_expires_at = ?,
    lease_token = ?,
    lease_worker = ?,
    url = ?
WHERE seq = ?`;

export const updateDeliverySql = `
UPDATE deliveries
SET state = ?,
    version = ?,
    failures = ?,
    next_at = ?,
    next_reason = ?,
    finished_at = ?,
    remove_at = ?,
    attempt_started_at = NULL,
    lease_expires_at = NULL,
    lease_token = NULL,
    lease_worker = ?,
    trigger = ?,
    last_status = ?,
    last_error = ?,
    last_attempt = iif(?, last_insert_rowid(), last_attempt)
WHERE seq = ?`;

/** The most frequent end: without what stays as it was, and so without the index of what is pending. */
export const deliveredSql = `
UPDATE deliveries
SET state = 'delivered',
    version = ?,
    finished_at = ?,
    remove_at = ?,
    attempt_started_at = NULL,
    lease_expires_at = NULL,
    lease_token = NULL,
    lease_worker = NULL,
    trigger = ?,
    last_status = ?,
    last_error = ?,
    last_attempt = last_insert_rowid()
WHERE seq = ?`;

const prolongDeliverySql = `
UPDATE deliveries
SET expires_at = ?
WHERE seq = ?`;

/** Before its delivery is, which then knows it as the latest. */
export const insertAttemptSql = `
INSERT INTO delivery_attempts
  (number, previous, trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason,
   timings, answer)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export type DeliveryChange = {
  /** As it is now, changed or not. */
  readonly delivery: Delivery;
  readonly outcome: 'applied' | 'lost' | 'unchanged';
};

export type Deliveries = {
  readonly find: (id: string) => DeliveryRow | undefined;
  /** What `event` does to the delivery of this row, written and counted. */
  readonly apply: (row: DeliveryRow, event: DeliveryTransition, now: number) => DeliveryChange;
  /** What is kept in memory is void: after a rollback. */
  readonly reload: () => void;
};

/** Deliveries in flight that are remembered from their claim to their end; of more, the row is read again. */
const rememberedMax = 4_096;

export function prepareDeliveries(writer: WriteConnection, endpoints: EndpointLedger): Deliveries {
  const select = writer.prepare(selectDeliverySql);
  const save = prepareSave(writer);
  // This process alone writes, and of a delivery in flight nothing but apply() does.
  const inFlight = new Map<string, DeliveryRow>();

  /** What is counted of the endpoint follows the delivery. */
  function count(
    entry: EndpointEntry,
    p: { before: Delivery; after: Delivery; now: number },
  ): void {
    const { before, after, now } = p;
    const by = Number(after.lease !== null) - Number(before.lease !== null);
    if (by !== 0 && entry.removedAt === null) {
      endpoints.inFlight.change(entry.seq, entry.endpoint.origin, by);
    }
    const { id, nextAt } = after;
    // A claim takes what is first, and has told so itself.
    if (before.nextAt !== null && after.lease === null) endpoints.ahead.drop(entry.seq);
    if (nextAt !== null) endpoints.places.planned(entry.seq, { id, nextAt }, now);
    // What waits decides the place of an endpoint, not what is in flight or over.
    if (before.nextAt !== null || after.nextAt !== null) endpoints.touch(entry, now);
  }

  function remember(row: DeliveryRow): void {
    const { id, lease } = row.delivery;
    if (lease === null) inFlight.delete(id);
    else if (inFlight.size < rememberedMax) inFlight.set(id, row);
  }

  function apply(row: DeliveryRow, event: DeliveryTransition, now: number): DeliveryChange {
    const before = row.delivery;
    const entry = endpoints.bySeq(row.endpointSeq);
    const endpoint = entry.removedAt === null ? entry.endpoint : null;
    const decision = decideAtEndpoint(before, event, { endpoint, now });
    if (decision.outcome !== 'applied') return { delivery: before, outcome: decision.outcome };
    const { delivery, attempt } = decision;
    save(row, { before, after: delivery, attempt });
    remember({ ...row, delivery, attemptStartedAt: attempt && attempt.startedAt });
    count(entry, { before, after: delivery, now });
    return { delivery, outcome: 'applied' };
  }

  function find(id: string): DeliveryRow | undefined {
    const remembered = inFlight.get(id);
    if (remembered !== undefined) return remembered;
    const row = select.first(id);
    return row && deliveryRowOf(row);
  }

  return { find, apply, reload: () => inFlight.clear() };
}

type Saved = {
  readonly before: Delivery;
  readonly after: Delivery;
  readonly attempt: DeliveryAttempt | null;
};

function prepareSave(writer: WriteConnection): (row: DeliveryRow, p: Saved) => void {
  const claim = writer.prepare(claimDeliverySql);
  const delivered = writer.prepare(deliveredSql);
  const update = writer.prepare(updateDeliverySql);
  const prolong = writer.prepare(prolongDeliverySql);
  const insertAttempt = writer.prepare(insertAttemptSql);

  return ({ seq, attemptStartedAt, lastAttempt }, { before, after, attempt }) => {
    const { lease, version } = after;
    if (lease !== null) {
      const { expiresAt, token, worker } = lease;
      const startedAt = attempt && attempt.startedAt;
      claim.run(version, after.attempts, startedAt, expiresAt, token, worker, after.url, seq);
      return;
    }
    if (attempt !== null) {
      const startedAt = attemptStartedAt ?? attempt.startedAt;
      const values = deliveryAttemptValues({ ...attempt, startedAt });
      insertAttempt.run(attempt.number, lastAttempt, ...values);
    }
    if (attempt !== null && after.state === 'delivered') {
      const { finishedAt, removeAt, trigger, lastStatus, lastError } = after;
      delivered.run(version, finishedAt, removeAt, trigger, lastStatus, lastError, seq);
    } else {
      update.run(
        after.state,
        version,
        after.failures,
        after.nextAt,
        after.nextReason,
        after.finishedAt,
        after.removeAt,
        after.nextAt === null ? null : leaseRoom,
        after.trigger,
        after.lastStatus,
        after.lastError,
        attempt === null ? 0 : 1,
        seq,
      );
    }
    if (after.expiresAt !== before.expiresAt) prolong.run(after.expiresAt, seq);
  };
}
