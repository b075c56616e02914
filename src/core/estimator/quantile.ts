/**
 * The quantile `share` (0..1) of sorted values, linear between neighbours. NaN when there are none.
 */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  return quantileAt(sorted, share * (sorted.length - 1));
}

/**
 * The value at the fractional rank `at` of sorted values, linear between neighbours. Ranks before
 * the first and past the last give those.
 */
export function quantileAt(sorted: ArrayLike<number>, rank: number): number {
  const at = Math.min(sorted.length - 1, Math.max(0, rank));
  const low = Math.floor(at);
  const below = sorted[low] ?? Number.NaN;
  const above = sorted[Math.min(sorted.length - 1, low + 1)] ?? Number.NaN;
  // Between equal values, Infinity included, there is nothing to interpolate.
  return at === low || below === above ? below : below + (above - below) * (at - low);
}
