import { limits } from '../core/limits.ts';
import { batchTaskNames, type BatchInput } from './batch-input.ts';
import type { Engine } from './engine.ts';
import { scanOperations } from './operation-scan.ts';

export type BatchCount = {
  readonly count: number;
  /** false: the count stopped at limits.batchCountMax, or after limits.batchCountPages pages: there may be more. */
  readonly isComplete: boolean;
  /** Ids of some of them, the newest first. */
  readonly sample: readonly string[];
};

const sampleMax = 10;

/** How many operations a batch would take if it were asked for now. */
export async function countBatch(
  engine: Pick<Engine, 'list'>,
  p: BatchInput & { readonly tenant: string },
): Promise<BatchCount> {
  const max = Math.min(p.limit, limits.batchCountMax);
  const sample: string[] = [];
  let count = 0;
  let pages = 0;
  for await (const page of scanOperations(engine, { ...p.filter, tenant: p.tenant })) {
    for (const { id, task } of page.operations) {
      if (batchTaskNames.has(task)) continue;
      if (count === max) return { count, isComplete: max === p.limit, sample };
      count += 1;
      if (sample.length < sampleMax) sample.push(id);
    }
    pages += 1;
    if (!page.isLast && pages === limits.batchCountPages) {
      return { count, isComplete: false, sample };
    }
  }
  return { count, isComplete: true, sample };
}
