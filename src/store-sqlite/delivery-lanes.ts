import { isDue } from '../core/delivery.ts';
import { inFlightAllowed } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { ClaimDeliveries } from '../store/delivery-store.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';
import { pendingColumns, waitingDeliveryOf, type WaitingDelivery } from './delivery-rows.ts';
import type { EndpointEntry } from './endpoint-entry.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { outOfTimeMax } from './endpoint-place.ts';
import type { Scan } from './ready-again.ts';
import { seqOf } from './rows.ts';

/**
 * The endpoints that a claim takes from, each a lane with its due deliveries, in the order of their
 * first deliveries, which is a range of an index. A second range holds plans that are too far ahead
 * to be legal; as long as the clock has been right since the start, it is not looked at.
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

const laneSql = (range: string, from = ''): string => `
SELECT ${pendingColumns}, body, headers, secret
FROM (
  SELECT seq AS found
  FROM deliveries
  WHERE endpoint_seq = ?
    AND next_at ${range} ?${from}
  ORDER BY next_at, id
  LIMIT ${outOfTimeMax}
)
CROSS JOIN deliveries ON deliveries.seq = found
LEFT JOIN delivery_bodies ON delivery_seq = found
WHERE expires_at > ?
LIMIT ? + 0`;

export const laneDueSql = laneSql('<=', '\n    AND (next_at, id) > (?, ?)');
export const laneTooFarSql = laneSql('>');

export type DeliveryLane = { readonly entry: EndpointEntry };

/**
 * Rows that are read at once of an endpoint with attempts in flight, because it is claimed from
 * again when one of these has ended.
 */
const aheadRows = 16;

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

  /**
   * Yields every lane that has something to claim, once. `missing` says how many deliveries are
   * still wanted.
   */
  *inOrder(p: ClaimDeliveries, scan: Scan, missing: () => number): Generator<DeliveryLane> {
    const due = { statement: this.#open, bound: p.now, isBeyond: false, scan, missing };
    yield* this.#inRange(due, p);
    if (this.#endpoints.places.tooFar.size === 0) return;
    const bound = p.now + limits.deliveryTtlMs;
    const tooFar = { statement: this.#openTooFar, bound, isBeyond: true, scan, missing };
    yield* this.#inRange(tooFar, p);
  }

  *#inRange(range: Range, p: ClaimDeliveries): Generator<DeliveryLane> {
    let after: Place = [Number.MIN_SAFE_INTEGER, ''];
    const unplaced = this.#unplacedIn(range);
    for (;;) {
      const count = Math.min(range.missing(), range.scan.rowsLeft);
      if (count === 0) return;
      const rows = range.statement.all(range.bound, ...after, count);
      range.scan.look(rows.length);
      const isLast = rows.length < count;
      for (const row of rows) {
        after = [row[1] as number, row[2] as string];
        // In the order of places, wherever these stand.
        for (let next = unplaced[0]; next !== undefined && isBefore(next.place, after);) {
          yield* this.#laneOf(next.entry, p, 1);
          unplaced.shift();
          next = unplaced[0];
        }
        const seq = seqOf(row);
        if (this.#endpoints.isUnplaced(seq)) continue;
        yield* this.#laneOf(this.#endpoints.bySeq(seq), p, isLast ? range.missing() : 1);
      }
      if (!isLast) continue;
      for (const { entry } of unplaced) yield* this.#laneOf(entry, p, range.missing());
      return;
    }
  }

  /** Endpoints in this range whose rows do not have their present place. */
  #unplacedIn({ bound, isBeyond }: Range): { entry: EndpointEntry; place: Place }[] {
    const found: { entry: EndpointEntry; place: Place }[] = [];
    for (const { entry, firstAt, firstId } of this.#endpoints.unplaced()) {
      if (firstAt > bound === isBeyond) found.push({ entry, place: [firstAt, firstId] });
    }
    return found.sort((a, b) => (isBefore(a.place, b.place) ? -1 : 1));
  }

  /**
   * The lane of the endpoint, if it has a delivery to claim. `wanted` is 1 in the first round,
   * which takes one of each; more are fetched only when there are too few endpoints.
   */
  *#laneOf(entry: EndpointEntry, p: ClaimDeliveries, wanted: number): Generator<DeliveryLane> {
    const free = this.#freeOf(entry, p);
    if (free === 0) return;
    // A plan that is too far ahead now may be legal in a moment.
    if (this.#endpoints.places.tooFar.has(entry.seq)) this.#endpoints.ahead.drop(entry.seq);
    if (this.#next(entry, p, Math.min(free, wanted)) !== undefined) yield { entry };
    else this.#endpoints.touch(entry, p.now); // its place was not right any more
  }

  /**
   * The next delivery of a lane that may be sent, fetched with up to `wanted` others; undefined:
   * there is none, or no free slot.
   */
  take({ entry }: DeliveryLane, p: ClaimDeliveries, wanted: number): WaitingDelivery | undefined {
    const free = this.#freeOf(entry, p);
    if (free === 0) return undefined;
    const row = this.#next(entry, p, Math.min(free, wanted));
    if (row !== undefined) this.#endpoints.ahead.taken(entry.seq);
    return row;
  }

  /** The endpoint's free slots now. An endpoint whose origin is full is parked. */
  #freeOf(entry: EndpointEntry, p: ClaimDeliveries): number {
    const own = this.ownSlots(entry, p);
    if (own === 0) return 0;
    const ofOrigin = p.originInFlightMax - this.#endpoints.inFlight.ofOrigin(entry.endpoint.origin);
    if (ofOrigin <= 0) this.#endpoints.park(entry);
    return Math.max(0, Math.min(own, ofOrigin));
  }

  /** The endpoint's own free slots, whatever its origin has. */
  ownSlots({ endpoint, seq }: EndpointEntry, p: ClaimDeliveries): number {
    const allowed = inFlightAllowed(endpoint, p.endpointInFlightMax, p.now);
    return Math.max(0, allowed - this.#endpoints.inFlight.ofEndpoint(seq));
  }

  /**
   * The first due delivery. When more are needed, the same query continues, because those taken
   * before are in flight by now.
   */
  #next(
    { seq, endpoint }: EndpointEntry,
    { now }: ClaimDeliveries,
    wanted: number,
  ): WaitingDelivery | undefined {
    const { ahead, inFlight, places } = this.#endpoints;
    const known = ahead.first(seq, now);
    // One that was created after the claim was asked for may be planned after it.
    if (known !== undefined) return isDue(known.row.delivery, now) ? known : undefined;
    if (ahead.isWholeBefore(seq, now + 1)) return undefined;
    const isBusy = inFlight.ofEndpoint(seq) > 0;
    const count = isBusy ? Math.max(wanted, Math.min(aheadRows, ahead.room)) : wanted;
    const after = places.waitsAfter(seq);
    const rows = this.#due.all(seq, now, ...after, now, count);
    const due = rows.length;
    const isWhole = due < count && places.sawAll(seq, now, after);
    if (due < count && places.tooFar.has(seq)) {
      const limit = count - due;
      rows.push(...this.#tooFar.all(seq, now + limits.deliveryTtlMs, now, limit));
    }
    const waiting = rows.map((row) => waitingDeliveryOf(row, { seq, id: endpoint.id }));
    const last = waiting[due - 1]?.row.delivery.nextAt ?? -Infinity;
    ahead.keep(seq, waiting, isWhole ? now + 1 : last);
    return waiting[0];
  }
}

type Place = readonly [at: number, id: string];

function isBefore([at, id]: Place, [otherAt, otherId]: Place): boolean {
  return at < otherAt || (at === otherAt && id < otherId);
}

type Range = {
  readonly statement: WriteStatement;
  /** Endpoints whose first_at is up to this instant, or beyond it. */
  readonly bound: number;
  readonly isBeyond: boolean;
  readonly scan: Scan;
  readonly missing: () => number;
};
