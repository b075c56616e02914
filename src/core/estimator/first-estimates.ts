import type { CompletionEstimate } from './completion-estimate.ts';
import type { LiveOperation } from './live-queue.ts';
import { estimatorSettings as settings } from './settings.ts';

/** The estimate for an operation that was just submitted. */
export type FirstEstimate = {
  readonly estimate: CompletionEstimate;
  /** The planned wait before jitter, cap and slot. */
  readonly pollWaitMs: number;
};

type Kept = FirstEstimate & { readonly at: number };

/**
 * Estimates for operations just submitted. Each is made for one operation and reused for others
 * that follow soon and take nearly the same place. Every submit is answered with an estimate, and a
 * forecast of its own (15 to 80 us) would cost it more than all else. An estimate is kept no longer
 * than a snapshot, so that it is no further off.
 */
export class FirstEstimates {
  readonly #kept = new Map<string, Kept>();

  clear(): void {
    if (this.#kept.size > 0) this.#kept.clear();
  }

  /** The kept estimate that fits `operation`, shifted to `at`; null: none does. */
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

/**
 * Whether `operation` is so new that another's estimate may serve: it has no estimate yet, and
 * nothing has happened.
 */
export function isNew(operation: LiveOperation, at: number): boolean {
  if (operation.told !== null || operation.readyAt > at || operation.stages.length > 0)
    return false;
  return operation.startedAt === null || at - operation.startedAt <= settings.firstElapsedMsMax;
}

/**
 * Equal for places that are near enough: within a quarter of a round of all slots, or a tenth of
 * what is ahead.
 */
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
