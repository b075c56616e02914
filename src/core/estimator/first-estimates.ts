import type { CompletionEstimate } from './completion-estimate.ts';
import type { LiveOperation } from './live-queue.ts';
import { estimatorSettings as settings } from './settings.ts';

/** What is said of an operation when it was just submitted. */
export type FirstEstimate = {
  readonly estimate: CompletionEstimate;
  /** Before jitter, cap and slot. */
  readonly pollWaitMs: number;
};

type Kept = FirstEstimate & { readonly at: number };

/**
 * Estimates for operations just submitted, each made for one and told of all that come soon after it to nearly the same
 * place: every submit is answered with an estimate, and a forecast of its own (15 to 80 us) would cost it more than all
 * else. Kept for as long as a snapshot at most, so that it is off by as little.
 */
export class FirstEstimates {
  readonly #kept = new Map<string, Kept>();

  clear(): void {
    if (this.#kept.size > 0) this.#kept.clear();
  }

  /** What is kept for `operation`, as of `at`; null: nothing that holds. */
  find(operation: LiveOperation, p: Place): FirstEstimate | null {
    const kept = this.#kept.get(keyOf(operation, p));
    if (kept === undefined) return null;
    const { at, ahead } = p;
    const age = at - kept.at;
    if (age < 0 || age > settings.snapshotMsMin) return null;
    const { estimate } = kept;
    const shifted: CompletionEstimate = {
      known: true,
      startsAt: operation.startedAt ?? estimate.startsAt + age,
      p50At: estimate.p50At + age,
      p90At: estimate.p90At + age,
      queuePosition: ahead,
      basis: estimate.basis,
      samples: estimate.samples,
      confidence: estimate.confidence,
      longerThanUsual: false,
    };
    return { estimate: shifted, pollWaitMs: kept.pollWaitMs };
  }

  keep(operation: LiveOperation, p: Place, first: FirstEstimate): void {
    if (this.#kept.size >= settings.firstKeptMax) this.#kept.clear();
    this.#kept.set(keyOf(operation, p), { ...first, at: p.at });
  }
}

type Place = {
  readonly at: number;
  readonly ahead: number;
  /** Whether it has to wait for a slot. */
  readonly waits: boolean;
  readonly slots: number;
};

/** Whether `operation` is so new that another's estimate may do for it: nothing was told of it, nothing has happened. */
export function isNew(operation: LiveOperation, at: number): boolean {
  if (operation.told !== null || operation.readyAt > at || operation.stages.length > 0)
    return false;
  return operation.startedAt === null || at - operation.startedAt <= settings.firstElapsedMsMax;
}

/** The same for places that are near enough: within a quarter of a round of all slots, or a tenth of what is ahead. */
function keyOf({ task, priority, key, startedAt }: LiveOperation, { ahead, waits, slots }: Place) {
  const phase = startedAt !== null ? 'r' : waits ? stretchOf(ahead, slots) : 'f';
  return key === null && priority === 0 ? `${phase}${task}` : `${phase}${task} ${priority} ${key}`;
}

function stretchOf(ahead: number, slots: number): number {
  const near = Math.max(1, slots * settings.firstRoundShare);
  const linear = near / settings.firstAheadShare;
  if (ahead < linear) return Math.floor(ahead / near);
  const grown = Math.log(ahead / linear) / Math.log1p(settings.firstAheadShare);
  return Math.ceil(1 / settings.firstAheadShare) + Math.floor(grown);
}
