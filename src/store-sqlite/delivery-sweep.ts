import type { Delivery, DeliveryTransition } from '../core/delivery.ts';
import { limits } from '../core/limits.ts';
import type { DeliveryStore } from '../store/delivery-store.ts';
import type { Row, WriteConnection } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import type { Align } from './delivery-align.ts';
import { deliveryRowColumns, deliveryRowOf } from './delivery-rows.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { seqOf } from './rows.ts';

/**
 * Leases that ended; tooFarDeliveriesSql finds those that end further ahead than any legal lease
 * does, as in sweep.ts.
 */
export const lapsedDeliveriesSql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE lease_expires_at <= ?
ORDER BY lease_expires_at
LIMIT ? + 0`;

export const tooFarDeliveriesSql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE lease_expires_at > ?
ORDER BY lease_expires_at
LIMIT ? + 0`;

/** Walks past those in flight, which are few. */
export const expiredDeliveriesSql = `
SELECT ${deliveryRowColumns}
FROM deliveries
WHERE finished_at IS NULL
  AND expires_at <= ?
  AND lease_expires_at IS NULL
ORDER BY expires_at
LIMIT ? + 0`;

/** An endpoint whose deliveries are not all held, released or cancelled yet. */
export const behindSql = `
SELECT seq
FROM endpoints
WHERE is_behind = 1
ORDER BY seq
LIMIT 1`;

type Sweep = Parameters<DeliveryStore['sweepDeliveries']>[0];
type SweepOutcome = Awaited<ReturnType<DeliveryStore['sweepDeliveries']>>;

export function prepareSweepDeliveries(
  writer: WriteConnection,
  endpoints: EndpointLedger,
  parts: { readonly deliveries: Deliveries; readonly align: Align },
): (p: Sweep) => SweepOutcome {
  const { deliveries, align } = parts;
  const lapsed = writer.prepare(lapsedDeliveriesSql);
  const tooFar = writer.prepare(tooFarDeliveriesSql);
  const expired = writer.prepare(expiredDeliveriesSql);
  const behind = writer.prepare(behindSql);

  return ({ now, limit, workerDead }) => {
    const changed: Delivery[] = [];
    // One row more than may change tells whether there is more to do.
    const rowsLeft = (): number => limit + 1 - changed.length;
    let more = false;

    function apply(rows: readonly Row[], event: DeliveryTransition): void {
      for (const row of rows) {
        more = changed.length >= limit;
        if (more) return;
        const { outcome, delivery } = deliveries.apply(deliveryRowOf(row), event, now);
        if (outcome === 'applied') changed.push(delivery);
      }
    }

    endpoints.unwritten.writeWhere(({ lease, expiresAt }) => {
      if (workerDead || expiresAt <= now || lease === null) return true;
      return lease.expiresAt <= now || lease.expiresAt > now + limits.leaseMsMax;
    });
    const leaseExpired = { type: 'lease_expired', workerDead } as const;
    // The lease of a dead worker is over, whenever it would have ended.
    const lapsedAt = workerDead ? Number.MAX_SAFE_INTEGER : now;
    apply(lapsed.all(lapsedAt, rowsLeft()), leaseExpired);
    if (!more) apply(tooFar.all(now + limits.leaseMsMax, rowsLeft()), leaseExpired);
    if (!more) apply(expired.all(now, rowsLeft()), { type: 'expired' });
    while (!more) {
      endpoints.flush();
      const row = behind.first();
      if (row === undefined) break;
      const limitLeft = limit - changed.length;
      more = limitLeft === 0;
      if (more) break;
      changed.push(...align.some(endpoints.bySeq(seqOf(row)), now, limitLeft));
    }
    return { changed, more };
  };
}
