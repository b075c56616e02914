import { inFlightAllowed } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { deliveryColumns } from '../store/delivery-rows.ts';
import type { ClaimDeliveries } from '../store/delivery-store.ts';
import { numberArray, textArray } from './array-literal.ts';
import type { Row } from './connection.ts';
import type { DeliveryEntry } from './deliveries.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import { InFlight } from './in-flight.ts';
import type { Scan } from './ready-again.ts';
import type { WebhookSet } from './webhook-set.ts';

/**
 * The endpoints that a claim takes from, each a lane with its due deliveries, in the order of their
 * first deliveries, which is a range of an index. A second range holds plans that are too far ahead
 * to be legal. Full origins ($5) and full endpoints ($6) are skipped on the way, at 1 µs each.
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

/**
 * Pending rows of a lane that are looked at in search of unexpired ones; the sweep removes the
 * expired.
 */
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
  /** There are no more due deliveries than `rows`. */
  isExhausted: boolean;
};

export class DeliveryLanes {
  readonly #set: WebhookSet;
  readonly #p: ClaimDeliveries;
  readonly #now: number;
  readonly #scan: Scan;
  readonly inFlight = new InFlight();
  /** A due delivery belongs to an endpoint that another transaction holds. */
  hasPassedBy = false;

  constructor(set: WebhookSet, p: ClaimDeliveries, parts: { readonly now: number; scan: Scan }) {
    this.#set = set;
    this.#p = p;
    this.#now = parts.now;
    this.#scan = parts.scan;
  }

  get #ranges() {
    const tooFar = this.#now + limits.deliveryTtlMs;
    return {
      due: { sql: openEndpointsSql, bound: this.#now },
      tooFar: { sql: openTooFarSql, bound: tooFar },
    };
  }

  /**
   * The first page of each range. It is asked for before it is known which endpoints are full, so a
   * page full of those may be passed in vain.
   */
  async firstPages(): Promise<FirstPages> {
    const count = Math.min(this.#p.limit, this.#scan.rowsLeft);
    const [due, tooFar] = await Promise.all([
      this.#page(this.#ranges.due, count),
      this.#page(this.#ranges.tooFar, count),
    ]);
    return { due: { rows: due, count }, tooFar: { rows: tooFar, count } };
  }

  #page(
    { sql, bound }: Pick<Range, 'sql' | 'bound'>,
    count: number,
    after = noRow,
  ): Promise<Row[]> {
    const [, lastAt, lastId] = after;
    const { originInFlightMax, endpointInFlightMax } = this.#p;
    const full = [
      textArray(this.inFlight.fullOrigins(originInFlightMax)),
      textArray(this.inFlight.fullEndpoints(endpointInFlightMax)),
    ];
    return this.#set.tx.all(sql, bound, lastAt as number, lastId as string, count, ...full);
  }

  /**
   * Yields every lane that has something to claim, once. `missing` says how many deliveries are
   * still wanted.
   */
  async *inOrder(first: FirstPages, missing: () => number): AsyncGenerator<DeliveryLane> {
    const { due, tooFar } = this.#ranges;
    yield* this.#inRange({ ...due, first: first.due, missing });
    yield* this.#inRange({ ...tooFar, first: first.tooFar, missing });
  }

  async *#inRange(range: Range): AsyncGenerator<DeliveryLane> {
    const { first, missing } = range;
    let { rows, count } = first;
    for (;;) {
      this.#scan.look(rows.length);
      const isLast = rows.length < count;
      // The first round takes one of each, so more are fetched only when there are too few
      // endpoints.
      for (const lane of await this.#open(rows, isLast ? missing() : 1)) yield lane;
      const last = rows.at(-1);
      count = Math.min(missing(), this.#scan.rowsLeft);
      if (isLast || count === 0) return;
      rows = await this.#page(range, count, last);
    }
  }

  /** Locks the endpoints of a page, and fetches up to `count` of each. */
  async #open(page: readonly Row[], count: number): Promise<DeliveryLane[]> {
    if (page.length === 0) return [];
    const { endpoints } = this.#set;
    const ids = page.map((row) => row[0] as string);
    const most = Math.min(count, this.#p.endpointInFlightMax);
    const [, rows] = await Promise.all([
      endpoints.lockFree(ids),
      this.#read(ids.map((id) => ({ id, count: most }))),
    ]);
    const lanes: DeliveryLane[] = [];
    for (const id of ids) {
      const entry = endpoints.find(id);
      if (entry === undefined) this.hasPassedBy = true;
      else if (this.freeOf(entry) > 0) {
        const lane = { entry, rows: [], at: 0, isExhausted: false };
        this.#fill(lane, rows, most);
        // The place of the endpoint was out of date.
        if (lane.rows.length === 0) endpoints.touch(entry);
        else lanes.push(lane);
      }
    }
    return lanes;
  }

  async #read(wanted: readonly { readonly id: string; readonly count: number }[]): Promise<Row[]> {
    const { tx, deliveries } = this.#set;
    deliveries.post(); // deliveries taken before are in flight, so the query must not find them
    const lanes = [
      textArray(wanted.map(({ id }) => id)),
      numberArray(wanted.map(({ count }) => count)),
    ];
    const now = this.#now;
    const [due, tooFar] = await Promise.all([
      tx.all(laneDueSql, ...lanes, now, now),
      tx.all(laneTooFarSql, ...lanes, now + limits.deliveryTtlMs, now),
    ]);
    return [...due, ...tooFar];
  }

  #fill(lane: DeliveryLane, rows: readonly Row[], count: number): void {
    const own = rows.filter((row) => row[1] === lane.entry.id).slice(0, count);
    lane.rows = own.map((row) => this.#set.deliveries.adopt(row));
    lane.at = 0;
    lane.isExhausted = own.length < count;
  }

  /**
   * Fetches again, before a round, for the lanes that have used up their rows but may have more.
   */
  async refill(lanes: readonly DeliveryLane[], missing: number): Promise<void> {
    const wanted = lanes
      .filter(({ at, rows, isExhausted }) => at >= rows.length && !isExhausted)
      .map((lane) => ({ lane, count: Math.min(missing, this.freeOf(lane.entry)) }))
      .filter(({ count }) => count > 0);
    if (wanted.length === 0) return;
    const rows = await this.#read(wanted.map(({ lane, count }) => ({ id: lane.entry.id, count })));
    for (const { lane, count } of wanted) this.#fill(lane, rows, count);
  }

  /** The next delivery of a lane that may be sent; undefined: there is none, or no free slot. */
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

type Page = { readonly rows: Row[]; readonly count: number };

/** The first page of each range. */
export type FirstPages = { readonly due: Page; readonly tooFar: Page };

type Range = {
  readonly sql: string;
  /** Endpoints whose first_at is up to this instant, or beyond it. */
  readonly bound: number;
  readonly first: Page;
  readonly missing: () => number;
};

/** Sorts before every other row. */
const noRow: Row = ['', Number.MIN_SAFE_INTEGER, ''];
