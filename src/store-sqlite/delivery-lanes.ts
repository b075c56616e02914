import { inFlightAllowed } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { ClaimDeliveries } from '../store/delivery-store.ts';
import type { Row, WriteConnection, WriteStatement } from './connection.ts';
import { pendingColumns } from './delivery-rows.ts';
import type { EndpointEntry, EndpointLedger } from './endpoint-ledger.ts';
import type { Scan } from './ready-again.ts';
import { seqOf } from './rows.ts';

/**
 * The endpoints that a claim takes from, each a lane with its due deliveries, in the order of the first of them: an
 * index range. A second range follows for plans too far ahead to be true; after a start with a clock that is right
 * it is not looked at.
 */
const openSql = (range: string): string => `
SELECT seq, first_at, first_id
FROM endpoints
WHERE lane = 'open'
  AND first_at ${range} ?
  AND (first_at, first_id) > (?, ?)
ORDER BY first_at, first_id
LIMIT ? + 0`;

export const openEndpointsSql = openSql('<=');
export const openTooFarSql = openSql('>');

/** Pending rows that a lane looks at in search of those in time: the sweep removes the others. */
const laneRowsMax = 100;

const laneSql = (range: string): string => `
SELECT ${pendingColumns}, body, headers, secret
FROM (
  SELECT seq AS found
  FROM deliveries
  WHERE endpoint_seq = ?
    AND next_at ${range} ?
  ORDER BY next_at, id
  LIMIT ${laneRowsMax}
)
CROSS JOIN deliveries ON deliveries.seq = found
LEFT JOIN delivery_bodies ON delivery_seq = found
WHERE expires_at > ?
LIMIT ? + 0`;

export const laneDueSql = laneSql('<=');
export const laneTooFarSql = laneSql('>');

export type DeliveryLane = {
  readonly entry: EndpointEntry;
  /** Due deliveries as fetched, with what is sent; those before `at` are taken. */
  rows: readonly Row[];
  at: number;
  /** There are no more than `rows`. */
  isExhausted: boolean;
};

export class DeliveryLanes {
  readonly #endpoints: EndpointLedger;
  readonly #open: WriteStatement;
  readonly #openTooFar: WriteStatement;
  readonly #due: WriteStatement;
  readonly #tooFar: WriteStatement;

  constructor(writer: WriteConnection, endpoints: EndpointLedger) {
    this.#endpoints = endpoints;
    this.#open = writer.prepare(openEndpointsSql);
    this.#openTooFar = writer.prepare(openTooFarSql);
    this.#due = writer.prepare(laneDueSql);
    this.#tooFar = writer.prepare(laneTooFarSql);
  }

  /** Every lane that has something to take, once. `missing` says how many deliveries are still wanted. */
  *inOrder(p: ClaimDeliveries, scan: Scan, missing: () => number): Generator<DeliveryLane> {
    yield* this.#inRange({ statement: this.#open, bound: p.now, scan, missing }, p);
    if (this.#endpoints.places.tooFar.size === 0) return;
    const bound = p.now + limits.deliveryTtlMs;
    yield* this.#inRange({ statement: this.#openTooFar, bound, scan, missing }, p);
  }

  *#inRange(range: Range, p: ClaimDeliveries): Generator<DeliveryLane> {
    let [lastAt, lastId] = [Number.MIN_SAFE_INTEGER, ''];
    for (;;) {
      const count = Math.min(range.missing(), range.scan.rowsLeft);
      if (count === 0) return;
      const rows = range.statement.all(range.bound, lastAt, lastId, count);
      range.scan.look(rows.length);
      const isLast = rows.length < count;
      for (const row of rows) {
        [lastAt, lastId] = [row[1] as number, row[2] as string];
        const entry = this.#endpoints.bySeq(seqOf(row));
        const free = this.#freeOf(entry, p);
        if (free === 0) continue;
        const lane = { entry, rows: [], at: 0, isExhausted: false };
        // One of each in turn: more are fetched at once only when there are too few endpoints for that.
        this.#refill(lane, p, isLast ? Math.min(free, range.missing()) : 1);
        if (lane.rows.length > 0) yield lane;
        else this.#endpoints.touch(entry, p.now); // its place was not right any more
      }
      if (isLast) return;
    }
  }

  /** The next delivery of a lane that may go out, of `wanted`; undefined: there is none, or no slot. */
  take(lane: DeliveryLane, p: ClaimDeliveries, wanted: number): Row | undefined {
    const free = this.#freeOf(lane.entry, p);
    if (free === 0) return undefined;
    if (lane.at >= lane.rows.length && !lane.isExhausted) {
      this.#refill(lane, p, Math.min(free, wanted));
    }
    const row = lane.rows[lane.at];
    lane.at += 1;
    return row;
  }

  /** Slots for it now. One whose origin is full is parked. */
  #freeOf(entry: EndpointEntry, p: ClaimDeliveries): number {
    const own = this.ownSlots(entry, p);
    if (own === 0) return 0;
    const ofOrigin = p.originInFlightMax - this.#endpoints.inFlight.ofOrigin(entry.endpoint.origin);
    if (ofOrigin <= 0) this.#endpoints.park(entry);
    return Math.max(0, Math.min(own, ofOrigin));
  }

  /** Whatever its origin has. */
  ownSlots({ endpoint, seq }: EndpointEntry, p: ClaimDeliveries): number {
    const allowed = inFlightAllowed(endpoint, p.endpointInFlightMax, p.now);
    return Math.max(0, allowed - this.#endpoints.inFlight.ofEndpoint(seq));
  }

  /** What was taken before is in flight by now: the same query goes on. */
  #refill(lane: DeliveryLane, { now }: ClaimDeliveries, count: number): void {
    const { seq } = lane.entry;
    const rows = this.#due.all(seq, now, now, count);
    if (rows.length < count && this.#endpoints.places.tooFar.has(seq)) {
      const limit = count - rows.length;
      rows.push(...this.#tooFar.all(seq, now + limits.deliveryTtlMs, now, limit));
    }
    lane.rows = rows;
    lane.at = 0;
    lane.isExhausted = rows.length < count;
  }
}

type Range = {
  readonly statement: WriteStatement;
  /** first_at up to, or beyond, this instant. */
  readonly bound: number;
  readonly scan: Scan;
  readonly missing: () => number;
};
