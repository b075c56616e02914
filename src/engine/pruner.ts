import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { PruneOutcome, Store } from '../store/store.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';

const pruneMs = 60_000;

/**
 * Removes what has expired, every minute, sweepRows at a time, and again at once while there is
 * more.
 */
export function createPruner(p: {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}): Service<PruneOutcome> {
  return periodicService({
    clock: p.clock,
    everyMs: pruneMs,
    outage: new Outage(p.logger, 'remove expired operations'),
    round: () => p.store.pruneExpired({ now: p.clock.now(), limit: limits.sweepRows }),
    again: (outcome) =>
      Math.max(outcome.operations, outcome.goneIds, outcome.idempotencyKeys) >= limits.sweepRows,
  });
}
