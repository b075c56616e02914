import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { OperationEvent } from '../core/transitions.ts';
import type { SweepExpired, SweepOutcome } from '../store/store.ts';
import type { Row, WriteConnection } from './connection.ts';
import type { Operations } from './operations.ts';
import type { OutboxWrites } from './outbox.ts';
import { operationRowColumns } from './rows.ts';

/** Leases that ended, or that end further ahead than any legal lease (isPast in core/transitions.ts). */
export const lapsedLeasesSql = `
SELECT ${operationRowColumns}
FROM operations
WHERE lease_expires_at <= ?
ORDER BY lease_expires_at
LIMIT ? + 0`;

export const tooFarLeasesSql = `
SELECT ${operationRowColumns}
FROM operations
WHERE lease_expires_at > ?
ORDER BY lease_expires_at
LIMIT ? + 0`;

export const waitedTooLongSql = `
SELECT ${operationRowColumns}
FROM operations
WHERE give_up_at <= ?
ORDER BY give_up_at
LIMIT ? + 0`;

export type Sweep = (p: SweepExpired) => SweepOutcome;

export function prepareSweep(
  writer: WriteConnection,
  operations: Operations,
  outboxWrites: OutboxWrites,
): Sweep {
  const lapsedLeases = writer.prepare(lapsedLeasesSql);
  const tooFarLeases = writer.prepare(tooFarLeasesSql);
  const waitedTooLong = writer.prepare(waitedTooLongSql);

  return ({ now, limit, recoveriesMax, own, workerDead, workerReplaced, outbox }) => {
    const changed: Operation[] = [];
    const leaseExpired = {
      type: 'lease_expired',
      recoveriesMax,
      own,
      workerDead,
      workerReplaced,
    } as const;
    // One row more than may change tells whether there is more to do.
    const rowsLeft = (): number => limit + 1 - changed.length;
    let more = false;

    function apply(rows: readonly Row[], event: OperationEvent): void {
      for (const row of rows) {
        more = changed.length >= limit;
        if (more) return;
        const change = operations.apply(row, event, now);
        outboxWrites.changed(change, outbox, now);
        if (change.outcome === 'applied') changed.push(change.operation);
      }
    }

    // The lease of a dead worker is over, whenever it would have ended.
    const lapsedAt = workerDead ? Number.MAX_SAFE_INTEGER : now;
    apply(lapsedLeases.all(lapsedAt, rowsLeft()), leaseExpired);
    if (!more) apply(tooFarLeases.all(now + limits.leaseMsMax, rowsLeft()), leaseExpired);
    if (!more) apply(waitedTooLong.all(now, rowsLeft()), { type: 'waited_too_long' });
    return { changed, more };
  };
}
