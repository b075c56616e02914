import type { WireStats } from 'raincheck/client';

export type Backlog = { readonly waiting: readonly number[]; readonly running: readonly number[] };

export const noBacklog: Backlog = { waiting: [], running: [] };

/**
 * How many waited and ran at the end of each bucket, the last being now: from how many there are, back through what
 * came and went. Who is between two attempts counts as running until it is over, as no bucket tells of later attempts;
 * but those that wait so now are among the waiting. Where less than nothing would have run, they are more than had begun
 * by then, so as many did not wait yet either.
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
