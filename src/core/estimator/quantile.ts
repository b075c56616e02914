/** The quantile `share` (0..1) of sorted values, linear between neighbours. NaN of none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = share * (sorted.length - 1);
  const low = Math.floor(at);
  const below = sorted[low] ?? Number.NaN;
  const above = sorted[Math.min(sorted.length - 1, low + 1)] ?? Number.NaN;
  return below + (above - below) * (at - low);
}
