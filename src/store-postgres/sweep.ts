import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { OperationEvent } from '../core/transitions.ts';
import type { SweepExpired, SweepOutcome } from '../store/store.ts';
import { operationColumns } from '../store/operation-rows.ts';
import type { Row } from './connection.ts';
import type { SqlWrite } from './group-commit.ts';

/**
 * Every node sweeps; rows that another transaction holds at this moment are skipped (SKIP LOCKED),
 * so the nodes share the work. A row may also be held by the heartbeat of its worker; then its
 * lease was not lost at all.
 */
export const lapsedLeasesSql = `
SELECT ${operationColumns}
FROM @operations
WHERE lease_expires_at <= $1
ORDER BY lease_expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED`;

/** Leases that end further ahead than any legal lease (isPast in core/transitions.ts). */
export const tooFarLeasesSql = `
SELECT ${operationColumns}
FROM @operations
WHERE lease_expires_at > $1
ORDER BY lease_expires_at
LIMIT $2
FOR UPDATE SKIP LOCKED`;

export const waitedTooLongSql = `
SELECT ${operationColumns}
FROM @operations
WHERE give_up_at <= $1
ORDER BY give_up_at
LIMIT $2
FOR UPDATE SKIP LOCKED`;

export function sweepWrite(p: SweepExpired): SqlWrite<SweepOutcome> {
  const { limit, recoveriesMax, own, workerDead, workerReplaced } = p;
  const leaseExpired = {
    type: 'lease_expired',
    recoveriesMax,
    own,
    workerDead,
    workerReplaced,
  } as const;
  return {
    callersNow: p.now,
    hasReady: true,
    execute: async (set, now) => {
      const changed: Operation[] = [];
      let more = false;
      // Asks for one row more than may change, which tells whether there is more to do.
      const find = (sql: string, at: number): Promise<Row[]> =>
        set.tx.all(sql, at, limit + 1 - changed.length);
      const apply = (rows: readonly Row[], event: OperationEvent): void => {
        for (const { id } of set.adopt(rows)) {
          more = changed.length >= limit;
          if (more) return;
          const decision = set.apply(id, event, now);
          if (decision?.outcome !== 'applied') continue;
          changed.push(decision.operation);
          set.webhooks.outbox.changed(decision.operation, p.outbox);
        }
      };
      // The lease of a dead worker is over, whenever it would have ended.
      const lapsedAt = workerDead ? Number.MAX_SAFE_INTEGER : now;
      const [lapsed, tooFar] = await Promise.all([
        find(lapsedLeasesSql, lapsedAt),
        workerDead ? [] : find(tooFarLeasesSql, now + limits.leaseMsMax),
      ]);
      apply([...lapsed, ...tooFar], leaseExpired);
      if (more) return { changed, more };
      // Operations that just changed may have waited too long by now, so they are written before
      // the query.
      await set.flush(now);
      apply(await find(waitedTooLongSql, now), { type: 'waited_too_long' });
      return { changed, more };
    },
  };
}
