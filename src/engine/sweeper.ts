import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { SweepExpired } from '../store/operation-store.ts';
import type { Store } from '../store/store.ts';
import type { Heartbeat } from './heartbeat.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { periodicService, type Service } from './service.ts';

const sweepMs = 1_000;

const lostText = 'Recovered an attempt whose worker is lost.';
const replacedText = 'Handed back an attempt whose worker was ended to make way.';

type SweeperParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outbox: Outbox | undefined;
  readonly ownTasks: ReadonlySet<string>;
  readonly heartbeat: Heartbeat;
  /** The sweep changed an operation: it failed, or is ready to run again. */
  readonly swept: (operation: Operation) => void;
};

export type SweepSummary = { readonly changed: number; readonly more: boolean };

/**
 * Every second recovers attempts whose lease has expired, and fails operations that waited past
 * their queue timeout or deadline. The store's indexes make a sweep that finds nothing cheap. Own
 * leases are extended first; if that fails, nothing is swept.
 */
export function createSweeper(p: SweeperParts): Service<SweepSummary> {
  return periodicService({
    clock: p.clock,
    everyMs: sweepMs,
    outage: new Outage(p.logger, 'sweep expired operations'),
    round: async () => {
      await p.heartbeat.keepFresh();
      return sweep(p, { workerDead: false });
    },
    again: (summary) => summary.more,
  });
}

/**
 * Recovers what former processes left, before the first claim. `workerReplaced`: the former process
 * was ended to make way for this one, so its attempts count as handed back. Rejects when the store
 * does.
 */
export async function recover(
  p: Omit<SweeperParts, 'heartbeat'> & { readonly workerReplaced: boolean },
): Promise<number> {
  const workerDead = p.store.capabilities.singleProcess;
  const workerReplaced = workerDead && p.workerReplaced;
  let changed = 0;
  for (;;) {
    const summary = await sweep(p, { workerDead, workerReplaced });
    changed += summary.changed;
    if (!summary.more) return changed;
  }
}

async function sweep(
  p: Omit<SweeperParts, 'heartbeat'>,
  dead: Pick<SweepExpired, 'workerDead' | 'workerReplaced'>,
): Promise<SweepSummary> {
  const { changed, more } = await p.store.sweepExpired({
    now: p.clock.now(),
    limit: limits.sweepRows,
    recoveriesMax: limits.recoveriesMax,
    own: { names: p.ownTasks, recoveriesMax: limits.ownRecoveriesMax },
    ...dead,
    outbox: p.outbox,
  });
  for (const operation of changed) {
    p.swept(operation);
    const { id, task, state, error } = operation;
    p.logger.warn(
      { operation: id, task, state, code: error?.code ?? null },
      error?.detail ?? (dead.workerReplaced === true ? replacedText : lostText),
    );
  }
  return { changed: changed.length, more };
}
