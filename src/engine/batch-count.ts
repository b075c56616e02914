import type { Operation } from '../core/operation.ts';
import { limits } from '../core/limits.ts';
import type { BatchInput } from './batch-input.ts';
import { fingerprintOfFailed } from './error-groups.ts';
import type { Engine } from './engine.ts';
import { scanOperations } from './operation-scan.ts';
import { isOwnTask } from './own-tasks.ts';

export type BatchCount = {
  readonly count: number;
  /**
   * false: the count stopped at limits.batchCountMax, or after limits.batchCountPages pages, so
   * there may be more.
   */
  readonly isComplete: boolean;
  /** Ids of the newest of them, newest first. */
  readonly sample: readonly string[];
};

const sampleMax = 10;

/**
 * Whether a batch includes `operation`, which the store's filter has found. The store cannot filter
 * by the kind of error, so this process does. Raincheck's own tasks are excluded: a person who asks
 * for all failed operations does not mean, for example, a cancelled discard of dead letters.
 */
export function isBatchable(operation: Operation, { fingerprint }: BatchInput): boolean {
  if (isOwnTask(operation.task)) return false;
  return fingerprint === undefined || fingerprintOfFailed(operation) === fingerprint;
}

/** How many operations a batch would change if it were submitted now. */
export async function countBatch(
  engine: Pick<Engine, 'list'>,
  p: BatchInput & { readonly tenant: string },
): Promise<BatchCount> {
  const max = Math.min(p.limit, limits.batchCountMax);
  const sample: string[] = [];
  let count = 0;
  let pages = 0;
  for await (const page of scanOperations(engine, { ...p.filter, tenant: p.tenant })) {
    for (const operation of page.operations) {
      if (!isBatchable(operation, p)) continue;
      if (count === max) return { count, isComplete: max === p.limit, sample };
      count += 1;
      if (sample.length < sampleMax) sample.push(operation.id);
    }
    pages += 1;
    if (!page.isLast && pages === limits.batchCountPages) {
      return { count, isComplete: false, sample };
    }
  }
  return { count, isComplete: true, sample };
}
