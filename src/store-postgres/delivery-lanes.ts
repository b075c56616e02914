import { inFlightAllowed } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type { ClaimDeliveries } from '../store/delivery-store.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Row } from './connection.ts';
import type { DeliveryEntry } from './deliveries.ts';
import { deliveryColumns } from './delivery-rows.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import { InFlight } from './in-flight.ts';
import type { Scan } from './ready-again.ts';
import type { WebhookSet } from './webhook-set.ts';

/**
 * The endpoints that a claim takes from, each a lane with its due deliveries, in the order of the first of them: an
 * index range. A second range follows for plans too far ahead to be true. Full origins ($5) and endpoints ($6) are
 * passed by on the way: 1 µs each.
 */
const openSql = (range: string): string => `
SELECT id, first_at, first_id
FROM @endpoints
WHERE first_at IS NOT NULL
  AND open_at IS NULL
  AND first_at ${range} $1
  AND (first_at, first_id) > ($2, $3)
  AND origin <> ALL($5::text[])
  AND id <> ALL($6::text[])
ORDER BY first_at, first_id
LIMIT $4`;

export const openEndpointsSql = openSql('<=');
export const openTooFarSql = openSql('>');

/** Pending rows that a lane looks at in search of those in time: the sweep removes the others. */
const laneRowsMax = 100;

const laneSql = (range: string): string => `
SELECT found.*
FROM unnest($1::text[], $2::integer[]) AS lane (id, count)
CROSS JOIN LATERAL (
  SELECT looked.*
  FROM (
    SELECT ${deliveryColumns}
    FROM @deliveries
    WHERE endpoint_id = lane.id
      AND next_at ${range} $3
    ORDER BY next_at, id
    LIMIT ${laneRowsMax}
  ) AS looked
  WHERE expires_at > $4
  LIMIT lane.count
) AS found`;

export const laneDueSql = laneSql('<=');
export const laneTooFarSql = laneSql('>');

export type DeliveryLane = {
  readonly entry: EndpointEntry;
  /** Due deliveries as fetched; those before `at` are taken. */
  rows: readonly DeliveryEntry[];
  at: number;
  /** There are no more than `rows`. */
  isExhausted: boolean;
};

type Wanted = { readonly lane: DeliveryLane; readonly count: number };

export class DeliveryLanes {
  readonly #set: WebhookSet;
  readonly #p: ClaimDeliveries;
  readonly #now: number;
  readonly #scan: Scan;
  readonly inFlight = new InFlight();
  /** Something due belongs to an endpoint that another transaction holds. */
  hasPassedBy = false;

  constructor(set: WebhookSet, p: ClaimDeliveries, parts: { readonly now: number; scan: Scan }) {
    this.#set = set;
    this.#p = p;
    this.#now = parts.now;
    this.#scan = parts.scan;
  }

  /** Every lane that has something to take, once. `missing` says how many deliveries are still wanted. */
  async *inOrder(missing: () => number): AsyncGenerator<DeliveryLane> {
    const tooFar = this.#now + limits.deliveryTtlMs;
    yield* this.#inRange({ sql: openEndpointsSql, bound: this.#now, missing });
    yield* this.#inRange({ sql: openTooFarSql, bound: tooFar, missing });
  }

  async *#inRange({ sql, bound, missing }: Range): AsyncGenerator<DeliveryLane> {
    const { originInFlightMax, endpointInFlightMax } = this.#p;
    let [lastAt, lastId] = [Number.MIN_SAFE_INTEGER, ''];
    for (;;) {
      const count = Math.min(missing(), this.#scan.rowsLeft);
      if (count === 0) return;
      const full = [
        textArray(this.inFlight.fullOrigins(originInFlightMax)),
        textArray(this.inFlight.fullEndpoints(endpointInFlightMax)),
      ];
      const rows = await this.#set.tx.all(sql, bound, lastAt, lastId, count, ...full);
      this.#scan.look(rows.length);
      const last = rows.at(-1);
      if (last !== undefined) [lastAt, lastId] = [last[1] as number, last[2] as string];
      const isLast = rows.length < count;
      // One of each in turn: more are fetched at once only when there are too few endpoints for that.
      for (const lane of await this.#open(rows, isLast ? missing() : 1)) yield lane;
      if (isLast) return;
    }
  }

  /** Locks the endpoints of a page, and fetches up to `count` of each. */
  async #open(page: readonly Row[], count: number): Promise<DeliveryLane[]> {
    const { endpoints } = this.#set;
    const ids = page.map((row) => row[0] as string);
    await endpoints.lockFree(ids);
    const lanes: DeliveryLane[] = [];
    for (const id of ids) {
      const entry = endpoints.find(id);
      if (entry === undefined) this.hasPassedBy = true;
      else if (this.freeOf(entry) > 0) {
        lanes.push({ entry, rows: [], at: 0, isExhausted: false });
      }
    }
    await this.#fetch(
      lanes.map((lane) => ({ lane, count: Math.min(count, this.freeOf(lane.entry)) })),
    );
    for (const { entry, rows } of lanes) {
      if (rows.length === 0) endpoints.touch(entry); // its place was not right any more
    }
    return lanes.filter(({ rows }) => rows.length > 0);
  }

  /** What was taken before is in flight by now, but written only at the end: it is passed over. */
  async #fetch(wanted: readonly Wanted[]): Promise<void> {
    if (wanted.length === 0) return;
    const { tx, deliveries } = this.#set;
    deliveries.post();
    const lanes = [
      textArray(wanted.map(({ lane }) => lane.entry.id)),
      numberArray(wanted.map(({ count }) => count)),
    ];
    const now = this.#now;
    const [due, tooFar] = await Promise.all([
      tx.all(laneDueSql, ...lanes, now, now),
      tx.all(laneTooFarSql, ...lanes, now + limits.deliveryTtlMs, now),
    ]);
    for (const { lane, count } of wanted) {
      const rows = [...due, ...tooFar].filter((row) => row[1] === lane.entry.id).slice(0, count);
      lane.rows = rows.map((row) => deliveries.adopt(row));
      lane.at = 0;
      lane.isExhausted = rows.length < count;
    }
  }

  /** For the lanes that have nothing left but may have more, before a round. */
  async refill(lanes: readonly DeliveryLane[], missing: number): Promise<void> {
    const wanted = lanes
      .filter(({ at, rows, isExhausted }) => at >= rows.length && !isExhausted)
      .map((lane) => ({ lane, count: Math.min(missing, this.freeOf(lane.entry)) }))
      .filter(({ count }) => count > 0);
    await this.#fetch(wanted);
  }

  /** The next delivery of a lane that may go out; undefined: there is none, or no slot. */
  take(lane: DeliveryLane): DeliveryEntry | undefined {
    if (this.freeOf(lane.entry) === 0) return undefined;
    const found = lane.rows[lane.at];
    lane.at += 1;
    return found;
  }

  freeOf({ id, endpoint }: EndpointEntry): number {
    const { endpointInFlightMax, originInFlightMax } = this.#p;
    const allowed = inFlightAllowed(endpoint, endpointInFlightMax, this.#now);
    const own = allowed - this.inFlight.ofEndpoint(id);
    return Math.max(0, Math.min(own, originInFlightMax - this.inFlight.ofOrigin(endpoint.origin)));
  }
}

type Range = {
  readonly sql: string;
  /** first_at up to, or beyond, this instant. */
  readonly bound: number;
  readonly missing: () => number;
};
