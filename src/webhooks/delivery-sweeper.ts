import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { Logger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import { periodicService, type Service } from '../engine/service.ts';
import type { Store } from '../store/store.ts';
import { logSwept } from './attempt-log.ts';

const sweepMs = 1_000;

type DeliverySweeperParts = {
  readonly store: Pick<Store, 'sweepDeliveries' | 'capabilities'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /**
   * Cuts off attempts of this process whose lease is nearly over, so that they are not swept while
   * they run.
   */
  readonly cutOffOverdue: () => void;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

export type DeliverySweep = { readonly changed: number; readonly more: boolean };

/**
 * Every second: deliveries whose worker is lost wait again, and those that waited past their time
 * expire.
 */
export function createDeliverySweeper(p: DeliverySweeperParts): Service<DeliverySweep> {
  return periodicService({
    clock: p.clock,
    everyMs: sweepMs,
    outage: new Outage(p.logger, 'sweep deliveries'),
    round: () => {
      p.cutOffOverdue();
      return sweep(p, false);
    },
    again: (summary) => summary.more,
  });
}

/**
 * Recovers deliveries that former processes left, before the first claim. Rejects when the store
 * does.
 */
export async function recoverDeliveries(p: DeliverySweeperParts): Promise<number> {
  let changed = 0;
  for (;;) {
    const summary = await sweep(p, p.store.capabilities.singleProcess);
    changed += summary.changed;
    if (!summary.more) return changed;
  }
}

async function sweep(p: DeliverySweeperParts, workerDead: boolean): Promise<DeliverySweep> {
  const { changed, more } = await p.store.sweepDeliveries({
    now: p.clock.now(),
    limit: limits.sweepRows,
    workerDead,
  });
  for (const delivery of changed) logSwept(p.logger, delivery);
  if (changed.some(({ state }) => state === 'pending')) p.wrote();
  return { changed: changed.length, more };
}
