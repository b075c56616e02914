import type { Clock } from '../core/clock.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';

const watchMs = 60_000;

/**
 * Every minute asks the store what may soon slow it down. Logs a warning when that begins, and a
 * line when it is over.
 */
export function createStoreWatch(p: {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}): Service<readonly string[]> {
  let isWarned = false;
  return periodicService({
    clock: p.clock,
    everyMs: watchMs,
    outage: new Outage(p.logger, 'look after the store'),
    round: async () => {
      const warnings = (await p.store.warnings?.()) ?? [];
      if (warnings.length > 0 && !isWarned) for (const text of warnings) p.logger.warn({}, text);
      if (warnings.length === 0 && isWarned)
        p.logger.info({}, 'Nothing slows the store down any more.');
      isWarned = warnings.length > 0;
      return warnings;
    },
    again: () => false,
  });
}
