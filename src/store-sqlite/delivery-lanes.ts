import { inFlightAllowed } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { ClaimDeliveries } from '../store/delivery-store.ts';
import type { Row, WriteConnection, WriteStatement } from './connection.ts';
import { deliveryColumns, duePlaceOf } from './delivery-rows.ts';
import type { EndpointEntry, EndpointLedger } from './endpoint-ledger.ts';
import type { Scan } from './ready-again.ts';
import { seqOf } from './rows.ts';

/**
 * The endpoints that a claim takes from, each a lane with its due deliveries. They come in the order of their first
 * due delivery. That is the order of the index, but for an endpoint whose first pending delivery has run out of time
 * and is not swept yet, or one whose plan is too far ahead to be true: those are put where they belong.
 */
export const openEndpointsSql = `
SELECT seq, first_at, first_id
FROM endpoints
WHERE lane = 'open'
  AND first_at <= ?
  AND (first_at, first_id) > (?, ?)
ORDER BY first_at, first_id
LIMIT ? + 0`;

/** Pending rows that a lane looks at in search of one that has not expired: the sweep removes them by the hundred. */
const laneScanRows = 100;

const laneSql = (range: string): string => `
SELECT ${deliveryColumns}
FROM (
  SELECT seq AS found
  FROM deliveries
  WHERE endpoint_seq = ?
    AND next_at ${range} ?
  ORDER BY next_at, id
  LIMIT ${laneScanRows}
)
CROSS JOIN deliveries ON deliveries.seq = found
WHERE expires_at > ?
LIMIT ? + 0`;

export const dueDeliveriesSql = laneSql('<=');
export const tooFarPlansSql = laneSql('>');

export type DeliveryLane = {
  readonly entry: EndpointEntry;
  /** Due deliveries as fetched; those before `at` are taken. */
  rows: readonly Row[];
  at: number;
  /** There are no more than `rows`. */
  isExhausted: boolean;
};

/** What both endpoints and deliveries are claimed by. */
type Place = { readonly nextAt: number; readonly id: string };

export class DeliveryLanes {
  readonly #endpoints: EndpointLedger;
  readonly #open: WriteStatement;
  readonly #due: WriteStatement;
  readonly #tooFar: WriteStatement;

  constructor(writer: WriteConnection, endpoints: EndpointLedger) {
    this.#endpoints = endpoints;
    this.#open = writer.prepare(openEndpointsSql);
    this.#due = writer.prepare(dueDeliveriesSql);
    this.#tooFar = writer.prepare(tooFarPlansSql);
  }

  /** Every lane that has something to take, once. `missing` says how many deliveries are still wanted. */
  *inOrder(p: ClaimDeliveries, scan: Scan, missing: () => number): Generator<DeliveryLane> {
    const waiting = this.#tooFarLanes(p);
    const opened = new Set(waiting.map(({ entry }) => entry.seq));
    let rows: readonly Row[] = [];
    let at = 0;
    let last: Place = { nextAt: Number.MIN_SAFE_INTEGER, id: '' };
    let isAll = false;
    for (;;) {
      if (at >= rows.length && !isAll) {
        const count = Math.min(missing(), scan.rowsLeft);
        rows = count === 0 ? [] : this.#open.all(p.now, last.nextAt, last.id, count);
        scan.look(rows.length);
        at = 0;
        isAll = rows.length < count || count === 0;
      }
      const row = rows[at];
      const place = row === undefined ? null : { nextAt: row[1] as number, id: row[2] as string };
      const [first] = waiting;
      if (first !== undefined && (place === null || isBefore(placeOf(first), place))) {
        waiting.shift();
        yield first;
        continue;
      }
      if (row === undefined || place === null) return;
      at += 1;
      last = place;
      if (opened.has(seqOf(row))) continue;
      const lane = this.#openLane(this.#endpoints.bySeq(seqOf(row)), p, isAll ? missing() : 1);
      if (lane === null) continue;
      if (isBefore(place, placeOf(lane))) insert(waiting, lane);
      else yield lane;
    }
  }

  /** The next delivery of a lane that may go out, of `wanted`; undefined: there is none, or no slot. */
  take(lane: DeliveryLane, p: ClaimDeliveries, wanted: number): Row | undefined {
    const free = this.#freeOf(lane.entry, p);
    if (free <= 0) return undefined;
    if (lane.at >= lane.rows.length) {
      if (lane.isExhausted) return undefined;
      this.#refill(lane, p, Math.min(free, wanted));
    }
    const row = lane.rows[lane.at];
    lane.at += 1;
    return row;
  }

  /** Slots for it now. One whose origin is full is parked. */
  #freeOf(entry: EndpointEntry, p: ClaimDeliveries): number {
    const { inFlight } = this.#endpoints;
    const { endpoint, seq } = entry;
    const allowed = inFlightAllowed(endpoint, p.endpointInFlightMax, p.now);
    const free = allowed - inFlight.ofEndpoint(seq);
    if (free <= 0) return 0;
    const freeOfOrigin = p.originInFlightMax - inFlight.ofOrigin(endpoint.origin);
    if (freeOfOrigin <= 0) this.#endpoints.park(entry);
    return Math.min(free, freeOfOrigin);
  }

  #openLane(entry: EndpointEntry, p: ClaimDeliveries, wanted: number): DeliveryLane | null {
    const free = this.#freeOf(entry, p);
    if (free <= 0) return null;
    const lane = { entry, rows: [], at: 0, isExhausted: false };
    this.#refill(lane, p, Math.min(free, wanted));
    return lane.rows.length === 0 ? null : lane;
  }

  /** What was taken before is in flight by now: the same query goes on. */
  #refill(lane: DeliveryLane, { now }: ClaimDeliveries, count: number): void {
    const { seq } = lane.entry;
    const rows = this.#due.all(seq, now, now, count);
    if (rows.length < count && this.#endpoints.tooFar.has(seq)) {
      const limit = count - rows.length;
      const found = this.#tooFar.all(seq, now + limits.deliveryTtlMs, now, limit);
      if (found.length === 0) this.#endpoints.tooFar.delete(seq);
      rows.push(...found);
    }
    lane.rows = rows;
    lane.at = 0;
    lane.isExhausted = rows.length < count;
  }

  /** Of endpoints that may have a plan too far ahead: their place in the index does not tell. */
  #tooFarLanes(p: ClaimDeliveries): DeliveryLane[] {
    const lanes: DeliveryLane[] = [];
    for (const seq of this.#endpoints.tooFar) {
      const entry = this.#endpoints.bySeq(seq);
      if (entry.place.lane !== 'open') continue;
      const lane = this.#openLane(entry, p, 1);
      if (lane !== null) insert(lanes, lane);
    }
    return lanes;
  }
}

/** Of the next delivery of a lane that has one. */
function placeOf(lane: DeliveryLane): Place {
  return duePlaceOf(lane.rows[lane.at] ?? []);
}

function isBefore(a: Place, b: Place): boolean {
  return a.nextAt === b.nextAt ? a.id < b.id : a.nextAt < b.nextAt;
}

/** Those that wait are few. */
function insert(waiting: DeliveryLane[], lane: DeliveryLane): void {
  const place = placeOf(lane);
  const at = waiting.findIndex((one) => isBefore(place, placeOf(one)));
  waiting.splice(at < 0 ? waiting.length : at, 0, lane);
}
