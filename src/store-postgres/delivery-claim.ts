import type { Delivery } from '../core/delivery.ts';
import { afterClaim } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import { keptColumns, storedDeliveryOf } from '../store/delivery-rows.ts';
import type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
} from '../store/delivery-store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import { textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import { DeliveryLanes, type DeliveryLane, type FirstPages } from './delivery-lanes.ts';
import type { EndpointEntry } from './endpoint-ledger.ts';
import { countInFlightSql } from './in-flight.ts';
import { Scan } from './ready-again.ts';
import { readSecretsOf } from './secrets.ts';
import { WebhookSet } from './webhook-set.ts';

/**
 * A claim of deliveries goes by endpoint, in the order (first_at, first_id) of those that are open:
 *
 *   1. over all nodes one claims at a time: row '' of claim_locks is locked until COMMIT
 *   2. attempts in flight are counted, from leases, and a first page of open endpoints is read
 *   3. endpoints whose place has become wrong with time are placed anew (endpoint-place.ts), and that
 *      page is read again
 *   4. one delivery of each open endpoint, in order; endpoints that another node holds are skipped
 *   5. the same endpoints again in rounds, in the same order, until the limit is reached or nothing is left
 *   6. deliveries and the new places of their endpoints are written
 *
 * A claim takes six round trips and does not wait for the disk. Differs from store-sqlite, which
 * parks the endpoints of full origins: here they are skipped. One claim looks at
 * limits.deliveryScanEndpoints endpoints with a free slot; when they are used up, nextDueAt is
 * `now`, so that the caller asks again.
 */
export const lockDeliveryClaimsSql = `
SELECT task
FROM @claim_locks
WHERE task = ''
FOR UPDATE`;

export const placesOverSql = `
SELECT id
FROM @endpoints
WHERE place_until <= $1
ORDER BY place_until
LIMIT $2`;

/** Places that lie in the future, because the clock went back. */
export const placesAheadSql = `
SELECT id
FROM @endpoints
WHERE place_from > $1
ORDER BY place_from DESC
LIMIT $2`;

export const keptOfDeliveriesSql = `
SELECT ${keptColumns}, id
FROM @deliveries
WHERE id = ANY($1::text[])`;

export const nextOpenSql = `
SELECT first_at
FROM @endpoints
WHERE first_at IS NOT NULL
  AND open_at IS NULL
  AND first_at > $1
  AND first_at <= $2
ORDER BY first_at
LIMIT 1`;

export const nextGatedSql = `
SELECT open_at
FROM @endpoints
WHERE open_at > $1
ORDER BY open_at
LIMIT 1`;

/** How soon to look again at endpoints that another node holds, which lasts about one commit. */
const passedByMs = 5;

export type ClaimedDeliveries = ClaimDeliveriesOutcome & {
  /** More deliveries may be due than were claimed. */
  readonly left: boolean;
};

export async function claimDeliveries(
  tx: Transaction,
  p: ClaimDeliveries,
): Promise<ClaimedDeliveries> {
  const [, now] = await Promise.all([tx.all(lockDeliveryClaimsSql), tx.now(p.now)]);
  return new DeliveryClaim(tx, p, now).run();
}

type Taken = { readonly delivery: Delivery; readonly to: EndpointEntry };

class DeliveryClaim {
  readonly #tx: Transaction;
  readonly #p: ClaimDeliveries;
  readonly #now: number;
  readonly #set: WebhookSet;
  readonly #scan = new Scan(limits.deliveryScanEndpoints);
  readonly #lanes: DeliveryLanes;
  readonly #taken: Taken[] = [];

  constructor(tx: Transaction, p: ClaimDeliveries, now: number) {
    this.#tx = tx;
    this.#p = p;
    this.#now = now;
    this.#set = new WebhookSet(tx);
    this.#lanes = new DeliveryLanes(this.#set, p, { now, scan: this.#scan });
  }

  async run(): Promise<ClaimedDeliveries> {
    const { rowsLeft } = this.#scan;
    const [inFlight, over, ahead, first] = await Promise.all([
      this.#tx.all(countInFlightSql),
      this.#tx.all(placesOverSql, this.#now, rowsLeft),
      this.#tx.all(placesAheadSql, this.#now, rowsLeft),
      this.#lanes.firstPages(),
    ]);
    this.#lanes.inFlight.load(inFlight);
    this.#scan.rowsLeft += this.#lanes.inFlight.endpoints;
    const isRight = over.length + ahead.length === 0;
    if (!isRight) await this.#placeAnew([...over, ...ahead]);
    await this.#claimAll(isRight ? first : await this.#lanes.firstPages());
    this.#set.post();
    const [claimed] = await Promise.all([this.#claimed(), this.#set.flush(this.#now)]);
    const nextDueAt = await this.#nextDueAt();
    const isFull = claimed.length >= this.#p.limit;
    return { claimed, nextDueAt, left: isFull };
  }

  async #placeAnew(rows: readonly Row[]): Promise<void> {
    const ids = [...new Set(rows.map((row) => row[0] as string))];
    this.#scan.look(ids.length);
    const entries = await this.#set.endpoints.lockFree(ids);
    if (entries.length < ids.length) this.#lanes.hasPassedBy = true;
    for (const entry of entries) this.#set.endpoints.touch(entry);
    await this.#set.flush(this.#now);
  }

  async #claimAll(first: FirstPages): Promise<void> {
    const missing = (): number => this.#p.limit - this.#taken.length;
    const lanes: DeliveryLane[] = [];
    for await (const lane of this.#lanes.inOrder(first, missing)) {
      if (this.#claimNext(lane)) lanes.push(lane);
      if (missing() === 0) return;
    }
    for (let before = -1; before < this.#taken.length && missing() > 0;) {
      before = this.#taken.length;
      await this.#lanes.refill(lanes, missing());
      for (const lane of lanes) if (missing() > 0) this.#claimNext(lane);
    }
  }

  #claimNext(lane: DeliveryLane): boolean {
    const found = this.#lanes.take(lane);
    if (found === undefined) return false;
    const { worker, leaseMs, newToken } = this.#p;
    const { endpoint } = lane.entry;
    const url = endpoint.kind === 'registered' ? endpoint.url : null;
    const event = { type: 'claimed', token: newToken(), worker, leaseMs, url } as const;
    const { delivery, outcome } = this.#set.deliveries.apply(found, event, this.#now);
    if (outcome !== 'applied') throw new Error('A due delivery could not be claimed.');
    this.#lanes.inFlight.add(lane.entry.id, endpoint.origin, 1);
    const paced = afterClaim(endpoint, this.#now);
    if (paced !== endpoint) this.#set.endpoints.change(lane.entry, paced);
    this.#taken.push({ delivery, to: lane.entry });
    return true;
  }

  async #claimed(): Promise<ClaimedDelivery[]> {
    if (this.#taken.length === 0) return [];
    const ids = this.#taken.map(({ delivery }) => delivery.id);
    const owners = this.#taken.flatMap(({ to }) => [to.id, tenantOwner(to.endpoint.tenant)]);
    const [rows, secrets] = await Promise.all([
      this.#tx.all(keptOfDeliveriesSql, textArray(ids)),
      readSecretsOf(this.#tx, new Set(owners), this.#now),
    ]);
    const kept = new Map(rows.map((row) => [row[3] as string, row]));
    return this.#taken.map(({ delivery, to: { id, endpoint } }) => {
      const own = secrets.get(id) ?? [];
      const live = own.length > 0 ? own : (secrets.get(tenantOwner(endpoint.tenant)) ?? []);
      const stored = storedDeliveryOf(this.#inCallersTime(delivery), kept.get(delivery.id) as Row);
      return { ...stored, secrets: live.map(({ value }) => value), endpoint };
    });
  }

  /**
   * The lease in the caller's time: the sender ends its attempt before its lease ends by its own
   * clock, which may differ from the database's.
   */
  #inCallersTime(delivery: Delivery): Delivery {
    const { lease } = delivery;
    if (lease === null || this.#now === this.#p.now) return delivery;
    return { ...delivery, lease: { ...lease, expiresAt: this.#p.now + this.#p.leaseMs } };
  }

  async #nextDueAt(): Promise<number | null> {
    const { now: callersNow, limit } = this.#p;
    if (this.#scan.rowsLeft === 0 && this.#taken.length < limit) return callersNow;
    const [[open], [gated]] = await Promise.all([
      this.#tx.all(nextOpenSql, this.#now, this.#now + limits.deliveryTtlMs),
      this.#tx.all(nextGatedSql, this.#now),
    ]);
    const passedBy = this.#lanes.hasPassedBy ? this.#now + passedByMs : Infinity;
    const at = [open, gated].map((row) => (row?.[0] as number | undefined) ?? Infinity);
    const next = Math.min(...at, passedBy);
    return next === Infinity ? null : next - this.#now + callersNow;
  }
}
