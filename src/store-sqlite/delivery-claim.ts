import { afterClaim } from '../core/endpoint-health.ts';
import { limits } from '../core/limits.ts';
import type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
} from '../store/delivery-store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import type { WriteConnection, WriteStatement } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import { DeliveryLanes, type DeliveryLane } from './delivery-lanes.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { EndpointTime } from './endpoint-time.ts';
import { Scan } from './ready-again.ts';
import { seqOf } from './rows.ts';
import type { SecretWrites } from './secrets.ts';

/**
 * A claim of deliveries goes by endpoint, in the order (first_at, first_id) of those that are open:
 *
 *   1. endpoints whose gate is over become open (endpoint-time.ts), and of an origin's parked endpoints
 *      as many as it has free slots
 *   2. one delivery of each open endpoint, in order. An endpoint whose origin is full is parked, so that
 *      no later claim looks at it before a slot of the origin is free: each is parked at most once for
 *      each slot that frees
 *   3. the same endpoints again in rounds, in the same order, until the limit is reached or nothing is left
 *
 * So no endpoint starves: ahead of it are only endpoints that have waited longer, and each endpoint
 * of a full origin once. One claim looks at limits.deliveryScanEndpoints endpoints, and in addition
 * at those with attempts in flight, which it may have to skip. When these are used up, nextDueAt is
 * `now`, so that the caller asks again, and the next claim continues behind the endpoints that this
 * one parked.
 */
export const parkedSql = `
SELECT seq
FROM endpoints
WHERE lane = 'parked'
  AND origin = ?
ORDER BY first_at, first_id
LIMIT ? + 0`;

export const nextOpenSql = `
SELECT first_at
FROM endpoints
WHERE lane = 'open'
  AND first_at > ?
  AND first_at <= ?
ORDER BY first_at
LIMIT 1`;

export const nextGatedSql = `
SELECT open_at
FROM endpoints
WHERE lane = 'gated'
  AND open_at > ?
ORDER BY open_at
LIMIT 1`;

export class DeliveryClaim {
  readonly #endpoints: EndpointLedger;
  readonly #deliveries: Deliveries;
  readonly #secrets: SecretWrites;
  readonly #lanes: DeliveryLanes;
  readonly #time: EndpointTime;
  readonly #parked: WriteStatement;
  readonly #nextOpen: WriteStatement;
  readonly #nextGated: WriteStatement;

  constructor(
    writer: WriteConnection,
    endpoints: EndpointLedger,
    p: { readonly deliveries: Deliveries; readonly secrets: SecretWrites },
  ) {
    this.#endpoints = endpoints;
    this.#deliveries = p.deliveries;
    this.#secrets = p.secrets;
    this.#lanes = new DeliveryLanes(writer, endpoints);
    this.#time = new EndpointTime(writer, endpoints);
    this.#parked = writer.prepare(parkedSql);
    this.#nextOpen = writer.prepare(nextOpenSql);
    this.#nextGated = writer.prepare(nextGatedSql);
  }

  run(p: ClaimDeliveries): ClaimDeliveriesOutcome {
    const { inFlight, unplacedCount } = this.#endpoints;
    const scan = new Scan(limits.deliveryScanEndpoints + inFlight.endpoints + unplacedCount);
    this.#time.pass(p.now, scan);
    this.#unparkFree(p, scan);
    const claimed: ClaimedDelivery[] = [];
    const claim = { seq: 0, left: 0 };
    const claiming = { p, claimed, claim, secrets: new Map() };
    const lanes: DeliveryLane[] = [];
    for (const lane of this.#lanes.inOrder(p, scan, () => p.limit - claimed.length)) {
      if (this.#claimNext(lane, claiming)) lanes.push(lane);
      if (claimed.length >= p.limit) break;
    }
    while (claimed.length < p.limit) {
      if (this.#claimRound(lanes, claiming) === 0) break;
    }
    this.#endpoints.unwritten.claimed(claim, p.now);
    this.#endpoints.place();
    const isCutShort = scan.rowsLeft === 0 && claimed.length < p.limit;
    return { claimed, nextDueAt: isCutShort ? p.now : this.#nextDueAt(p.now) };
  }

  #unparkFree(p: ClaimDeliveries, scan: Scan): void {
    for (const origin of this.#endpoints.parkedOrigins()) {
      let free = p.originInFlightMax - this.#endpoints.inFlight.ofOrigin(origin);
      while (free > 0) {
        const rows = this.#parked.all(origin, Math.min(free, scan.rowsLeft));
        if (rows.length === 0) break;
        scan.look(rows.length);
        for (const row of rows) {
          const entry = this.#endpoints.bySeq(seqOf(row));
          this.#endpoints.unpark(entry);
          // An endpoint that is full itself must not keep the slot from the next one.
          if (this.#lanes.ownSlots(entry, p) > 0) free -= 1;
        }
      }
    }
  }

  /** Claims one more of each lane, in order; returns how many it claimed. */
  #claimRound(lanes: readonly DeliveryLane[], claiming: Claiming): number {
    const { p, claimed } = claiming;
    const before = claimed.length;
    for (const lane of lanes) {
      if (claimed.length >= p.limit) break;
      this.#claimNext(lane, claiming);
    }
    return claimed.length - before;
  }

  #claimNext(lane: DeliveryLane, { p, claimed, claim, secrets }: Claiming): boolean {
    const waiting = this.#lanes.take(lane, p, p.limit - claimed.length);
    if (waiting === undefined) return false;
    const { endpoint } = lane.entry;
    const event = {
      type: 'claimed',
      token: p.newToken(),
      worker: p.worker,
      leaseMs: p.leaseMs,
      url: endpoint.kind === 'registered' ? endpoint.url : null,
    } as const;
    const delivery = this.#deliveries.claim(waiting.row, event, { claim, now: p.now });
    const paced = afterClaim(endpoint, p.now);
    if (paced !== endpoint) this.#endpoints.change(lane.entry, { endpoint: paced, now: p.now });
    const own = this.#secretsOf(endpoint.id, p.now, secrets);
    const live =
      own.length > 0 ? own : this.#secretsOf(tenantOwner(endpoint.tenant), p.now, secrets);
    const { body, headers, secret } = waiting;
    claimed.push({ delivery, body, headers, secret, secrets: live, endpoint });
    return true;
  }

  #secretsOf(owner: string, now: number, known: Claiming['secrets']): readonly string[] {
    let values = known.get(owner);
    if (values === undefined) {
      values = this.#secrets.read(owner, now).map(({ value }) => value);
      known.set(owner, values);
    }
    return values;
  }

  #nextDueAt(now: number): number | null {
    const open = this.#nextOpen.first(now, now + limits.deliveryTtlMs)?.[0] as number | undefined;
    const gated = this.#nextGated.first(now)?.[0] as number | undefined;
    let next = Math.min(open ?? Infinity, gated ?? Infinity);
    for (const { firstAt } of this.#endpoints.unplaced()) {
      if (firstAt > now && firstAt <= now + limits.deliveryTtlMs) next = Math.min(next, firstAt);
    }
    return next === Infinity ? null : next;
  }
}

/** A claim under way. */
type Claiming = {
  readonly p: ClaimDeliveries;
  readonly claimed: ClaimedDelivery[];
  readonly claim: { seq: number; left: number };
  /** The secrets read so far, by owner. */
  readonly secrets: Map<string, readonly string[]>;
};
