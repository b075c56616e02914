import { StatsBucket, type StatsRing, type StatsWidthMs } from '../core/stats-ring.ts';

/**
 * The windows that can be asked for: how far back, and in how many buckets. Each consists of whole
 * buckets of a ring.
 */
export const statsWindows = {
  '15m': { bucketMs: 10_000, buckets: 90, widthMs: 10_000 },
  '1h': { bucketMs: 60_000, buckets: 60, widthMs: 60_000 },
  '6h': { bucketMs: 300_000, buckets: 72, widthMs: 300_000 },
  '24h': { bucketMs: 900_000, buckets: 96, widthMs: 300_000 },
} as const satisfies Readonly<
  Record<string, { bucketMs: number; buckets: number; widthMs: StatsWidthMs }>
>;

export type StatsWindow = keyof typeof statsWindows;

export type Stats = {
  readonly at: number;
  readonly windowMs: number;
  readonly bucketMs: number;
  /** Oldest first, without gaps; the last one is not over yet. */
  readonly buckets: readonly {
    readonly at: number;
    readonly isComplete: boolean;
    readonly bucket: StatsBucket;
  }[];
  /** The last five minutes. */
  readonly recent: StatsBucket;
};

const recentMs = 300_000;

/**
 * Adds up what `rings` counted. A bucket is complete `tellMs` after its end, when every process has
 * reported its counts.
 */
export function statsOf(
  rings: readonly StatsRing[],
  p: { readonly window: StatsWindow; readonly at: number; readonly tellMs: number },
): Stats {
  const { bucketMs, buckets: count, widthMs } = statsWindows[p.window];
  const last = Math.floor(p.at / bucketMs);
  const sums = Array.from({ length: count }, () => new StatsBucket());
  const recent = new StatsBucket();
  for (const ring of rings) {
    for (const [at, bucket] of ring.buckets(widthMs)) {
      const index = Math.floor(at / bucketMs) - last + count - 1;
      sums[index]?.merge(bucket);
    }
    for (const [at, bucket] of ring.buckets(10_000)) {
      if (at > p.at - recentMs && at <= p.at) recent.merge(bucket);
    }
  }
  return {
    at: p.at,
    windowMs: count * bucketMs,
    bucketMs,
    recent,
    buckets: sums.map((bucket, i) => {
      const at = (last - count + 1 + i) * bucketMs;
      return { at, isComplete: at + bucketMs + p.tellMs <= p.at, bucket };
    }),
  };
}
