import type { Delivery, DeliveryTransition } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryStore } from '../store/delivery-store.ts';
import type { Row } from './connection.ts';
import { alignSome } from './delivery-align.ts';
import type { SqlWrite } from './group-commit.ts';
import type { WebhookSet } from './webhook-set.ts';

/**
 * Leases that ended; tooFarDeliveriesSql finds those that end further ahead than any legal lease
 * does, as in sweep.ts.
 */
export const lapsedDeliveriesSql = `
SELECT id, endpoint_id
FROM @deliveries
WHERE lease_expires_at <= $1
ORDER BY lease_expires_at
LIMIT $2`;

export const tooFarDeliveriesSql = `
SELECT id, endpoint_id
FROM @deliveries
WHERE lease_expires_at > $1
ORDER BY lease_expires_at
LIMIT $2`;

/** Walks past those in flight, which are few. */
export const expiredDeliveriesSql = `
SELECT id, endpoint_id
FROM @deliveries
WHERE finished_at IS NULL
  AND expires_at <= $1
  AND lease_expires_at IS NULL
ORDER BY expires_at
LIMIT $2`;

/** Endpoints whose deliveries are not all held, released or cancelled yet. */
export const behindSql = `
SELECT id
FROM @endpoints
WHERE is_behind
ORDER BY id
LIMIT $1`;

type Sweep = Parameters<DeliveryStore['sweepDeliveries']>[0];
type SweepOutcome = Awaited<ReturnType<DeliveryStore['sweepDeliveries']>>;

/** Every node sweeps; deliveries whose endpoint another node holds at this moment are skipped. */
export function sweepDeliveriesWrite(p: Sweep): SqlWrite<SweepOutcome> {
  return {
    callersNow: p.now,
    isLoose: true,
    execute: ({ webhooks }, now) => new Sweeping(webhooks, p, now).run(),
  };
}

class Sweeping {
  readonly #set: WebhookSet;
  readonly #p: Sweep;
  readonly #now: number;
  readonly #changed: Delivery[] = [];
  #more = false;

  constructor(set: WebhookSet, p: Sweep, now: number) {
    this.#set = set;
    this.#p = p;
    this.#now = now;
  }

  async run(): Promise<SweepOutcome> {
    const { workerDead } = this.#p;
    const leaseExpired = { type: 'lease_expired', workerDead } as const;
    // A dead worker's lease is over whenever it would have ended.
    const lapsedAt = workerDead ? Number.MAX_SAFE_INTEGER : this.#now;
    await this.#apply(lapsedDeliveriesSql, lapsedAt, leaseExpired);
    await this.#apply(tooFarDeliveriesSql, this.#now + limits.leaseMsMax, leaseExpired);
    await this.#apply(expiredDeliveriesSql, this.#now, { type: 'expired' });
    await this.#alignBehind();
    return { changed: this.#changed, more: this.#more };
  }

  /** Asks for one row more than may change, which tells whether there is more to do. */
  async #apply(sql: string, at: number, event: DeliveryTransition): Promise<void> {
    if (this.#more) return;
    const { tx, deliveries } = this.#set;
    this.#set.post();
    const rows = await tx.all(sql, at, this.#p.limit + 1 - this.#changed.length);
    for (const id of await this.#lock(rows)) {
      const entry = deliveries.find(id);
      if (entry === undefined) continue;
      this.#more = this.#changed.length >= this.#p.limit;
      if (this.#more) return;
      const { outcome, delivery } = deliveries.apply(entry, event, this.#now);
      if (outcome === 'applied') this.#changed.push(delivery);
    }
  }

  /**
   * Locks the free endpoints of these rows, and reads their deliveries anew; returns the ids of
   * these.
   */
  async #lock(rows: readonly Row[]): Promise<string[]> {
    const { endpoints, deliveries } = this.#set;
    await endpoints.lockFree([...new Set(rows.map((row) => row[1] as string))]);
    const ids = rows
      .filter((row) => endpoints.find(row[1] as string) !== undefined)
      .map((row) => row[0] as string);
    await deliveries.read(ids);
    return ids;
  }

  async #alignBehind(): Promise<void> {
    if (this.#more) return;
    const { tx, endpoints } = this.#set;
    const rows = await tx.all(behindSql, this.#p.limit);
    const behind = await endpoints.lockFree(rows.map((row) => row[0] as string));
    for (const entry of behind) {
      if (!entry.isBehind) continue;
      const limit = this.#p.limit - this.#changed.length;
      this.#more = limit === 0;
      if (this.#more) return;
      this.#changed.push(...(await alignSome(this.#set, entry, { now: this.#now, limit })));
      this.#more = entry.isBehind;
      if (this.#more) return;
    }
  }
}
