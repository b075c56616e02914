import type { WireStats } from 'raincheck/client';

export type Backlog = { readonly waiting: readonly number[]; readonly running: readonly number[] };

export const noBacklog: Backlog = { waiting: [], running: [] };

/**
 * The numbers of waiting and running operations at the end of each bucket (the last end is now),
 * computed backwards from the present numbers. Buckets count no later attempts, so an operation
 * between two attempts counts as running until it ends. Those in a back-off now are among the
 * present waiting, however; going back past their start makes `runs` negative and counts them twice
 * in `waits`, so the one corrects the other.
 */
export function backlogOf({ totals, buckets }: Pick<WireStats, 'totals' | 'buckets'>): Backlog {
  const waiting: number[] = [];
  const running: number[] = [];
  let [waits, runs] = [totals.pending, totals.processing];
  for (const { submitted, started, unstarted, completed, failed } of buckets.toReversed()) {
    waiting.unshift(Math.max(0, waits + Math.min(0, runs)));
    running.unshift(Math.max(0, runs));
    waits -= submitted - started - unstarted;
    runs -= started - (completed + failed - unstarted);
  }
  return { waiting, running };
}
