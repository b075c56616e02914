import type { ExtendLeases, ExtendOutcome } from '../store/store.ts';
import type { MemoryWrite } from './group-commit.ts';

/**
 * The heartbeat. It locks the rows, so it is fenced like every other change, and writes them in one
 * statement.
 */
export function extendWrite(p: ExtendLeases): MemoryWrite<ExtendOutcome[]> {
  const { leases, leaseMs } = p;
  return {
    callersNow: p.now,
    isPrelude: true,
    needs: ({ ids }) => {
      for (const { id } of leases) ids.add(id);
    },
    run: (set, now) =>
      leases.map(({ id, token, progress }) => {
        const copy = progress && { ...progress };
        const event = { type: 'extended', token, leaseMs, progress: copy } as const;
        const decision = set.apply(id, event, now);
        if (decision?.outcome !== 'applied') return { outcome: 'lost' };
        const cancelRequested = decision.operation.cancelRequestedAt !== null;
        return { outcome: 'extended', cancelRequested };
      }),
  };
}
