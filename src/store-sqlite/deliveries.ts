import { decideAtEndpoint } from '../core/delivery-at-endpoint.ts';
import type { Delivery, DeliveryAttempt, DeliveryTransition } from '../core/delivery.ts';
import type { WriteConnection } from './connection.ts';
import {
  deliveryAttemptValues,
  deliveryRowColumns,
  deliveryRowOf,
  type DeliveryRow,
} from './delivery-rows.ts';
import type { EndpointEntry } from './endpoint-entry.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import type { EndBatch, Unwritten } from './unwritten-deliveries.ts';

/**
 * How every delivery changes: read the row, ask decideAtEndpoint() in core, write its decision, and
 * note it with the endpoint. Several statements write, so that each touches only the indexes it
 * must: SQLite rewrites the index of every column in a SET, whether its value changes or not.
 */
export const selectDeliverySql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE id = ?`;

/**
 * Fills the column of the worker while a delivery waits, with as many characters as a lease needs:
 * a claim that made the row longer split every full page of the table. With it, a commit of 20
 * claims and 20 ends logs 26 to 28 pages, not 30 to 32.
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

/** The most frequent end, of a delivery whose claim may not be in its row. */
export const deliveredSql = `
UPDATE deliveries
SET state = 'delivered',
    version = ?,
    attempts = ?,
    url = ?,
    next_at = NULL,
    next_reason = NULL,
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

/** Runs before the update of its delivery, which then refers to it as the latest. */
export const insertAttemptSql = `
INSERT INTO delivery_attempts
  (number, previous, trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason,
   timings, answer)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

export type DeliveryChange = {
  /** The current record, changed or not. */
  readonly delivery: Delivery;
  readonly outcome: 'applied' | 'lost' | 'unchanged';
};

export type Deliveries = {
  readonly find: (id: string) => DeliveryRow | undefined;
  /** Applies `event` to the delivery of this row, writes and counts the change. */
  readonly apply: (row: DeliveryRow, event: DeliveryTransition, now: number) => DeliveryChange;
  /**
   * Claims the delivery of this row, which is due; it is kept under `claim`
   * (unwritten-deliveries.ts).
   */
  readonly claim: (
    row: DeliveryRow,
    event: Claimed,
    p: { claim: ClaimRow; now: number },
  ) => Delivery;
  /**
   * Records the end of a successful attempt, which is written with others, in this commit or one of
   * the next. undefined: it is not such an end, so call apply().
   */
  readonly delivered: (row: DeliveryRow, event: Ended, now: number) => EndBatch | undefined;
};

type Claimed = DeliveryTransition & { readonly type: 'claimed' };
type Ended = DeliveryTransition & { readonly type: 'ended' };
type ClaimRow = Unwritten['claim'];

/** Updates what is counted of the endpoint after a change of the delivery. */
function count(
  endpoints: EndpointLedger,
  entry: EndpointEntry,
  { before, after, now }: { before: Delivery; after: Delivery; now: number },
): void {
  const by = Number(after.lease !== null) - Number(before.lease !== null);
  if (by !== 0 && entry.removedAt === null) {
    endpoints.inFlight.change(entry.seq, entry.endpoint.origin, by);
  }
  const { id, nextAt } = after;
  // A claim takes the first delivery, and tells `ahead` itself.
  if (before.nextAt !== null && after.lease === null) endpoints.ahead.drop(entry.seq);
  if (nextAt !== null) endpoints.places.planned(entry.seq, { id, nextAt }, now);
  // The place follows from waiting deliveries only, not from those in flight or finished.
  if (before.nextAt !== null || after.nextAt !== null) endpoints.touch(entry, now);
}

export function prepareDeliveries(writer: WriteConnection, endpoints: EndpointLedger): Deliveries {
  const select = writer.prepare(selectDeliverySql);
  const save = prepareSave(writer);
  const { unwritten } = endpoints;

  /** The row as the file has it, after what was unwritten of this delivery has been written. */
  function written(row: DeliveryRow): DeliveryRow {
    const known = unwritten.get(row.delivery.id);
    if (known === undefined) return row;
    if (known.end === null) {
      unwritten.write(known);
      return known.row;
    }
    unwritten.writeEnds();
    const [again] = select.all(row.delivery.id);
    return again === undefined ? row : deliveryRowOf(again);
  }

  function apply(given: DeliveryRow, event: DeliveryTransition, now: number): DeliveryChange {
    const row = written(given);
    const before = row.delivery;
    const entry = endpoints.bySeq(row.endpointSeq);
    const endpoint = entry.removedAt === null ? entry.endpoint : null;
    const decision = decideAtEndpoint(before, event, { endpoint, now });
    if (decision.outcome !== 'applied') return { delivery: before, outcome: decision.outcome };
    const { delivery, attempt } = decision;
    save(row, { before, after: delivery, attempt });
    count(endpoints, entry, { before, after: delivery, now });
    return { delivery, outcome: 'applied' };
  }

  function find(id: string): DeliveryRow | undefined {
    const known = unwritten.get(id);
    if (known?.end === null) return known.row;
    if (known !== undefined) unwritten.writeEnds();
    const row = select.first(id);
    return row && deliveryRowOf(row);
  }

  unwritten.connect({
    write: ({ row, end }) =>
      save(row, {
        before: row.delivery,
        after: end?.after ?? row.delivery,
        attempt: end?.attempt ?? null,
      }),
    released: (seq) => endpoints.released(endpoints.bySeq(seq)),
  });
  return { find, apply, ...prepareUnwritten(endpoints) };
}

/** What happens to a delivery before its row is written. */
function prepareUnwritten(endpoints: EndpointLedger): Pick<Deliveries, 'claim' | 'delivered'> {
  const { unwritten } = endpoints;

  function claim(
    row: DeliveryRow,
    event: Claimed,
    { claim, now }: { claim: ClaimRow; now: number },
  ): Delivery {
    const before = row.delivery;
    const entry = endpoints.bySeq(row.endpointSeq);
    const decision = decideAtEndpoint(before, event, { endpoint: entry.endpoint, now });
    if (decision.outcome !== 'applied') throw new Error('A due delivery could not be claimed.');
    const { delivery } = decision;
    unwritten.add({ ...row, delivery, attemptStartedAt: now }, claim);
    count(endpoints, entry, { before, after: delivery, now });
    return delivery;
  }

  function delivered(row: DeliveryRow, event: Ended, now: number): EndBatch | undefined {
    const before = row.delivery;
    const known = unwritten.get(before.id);
    if (known === undefined || !event.result.delivered) return undefined;
    const entry = endpoints.bySeq(row.endpointSeq);
    const endpoint = entry.removedAt === null ? entry.endpoint : null;
    const decision = decideAtEndpoint(before, event, { endpoint, now });
    if (decision.outcome !== 'applied' || decision.attempt === null) return undefined;
    const { delivery: after, attempt } = decision;
    count(endpoints, entry, { before, after, now });
    return unwritten.ended(known, { after, attempt });
  }

  return { claim, delivered };
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
    const { lease, version, attempts, url } = after;
    if (lease !== null) {
      const { expiresAt, token, worker } = lease;
      claim.run(version, attempts, attemptStartedAt, expiresAt, token, worker, url, seq);
      return;
    }
    if (attempt !== null) {
      const startedAt = attemptStartedAt ?? attempt.startedAt;
      const values = deliveryAttemptValues({ ...attempt, startedAt });
      insertAttempt.run(attempt.number, lastAttempt, ...values);
    }
    if (attempt !== null && after.state === 'delivered') {
      const { finishedAt, removeAt, trigger, lastStatus, lastError } = after;
      const end = [finishedAt, removeAt, trigger, lastStatus, lastError];
      delivered.run(version, attempts, url, ...end, seq);
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
