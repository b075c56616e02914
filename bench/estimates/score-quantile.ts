import { quantile } from '../../src/core/estimator/quantile.ts';

/** The quantile `share` (0..1) of unsorted values, linear between neighbours. NaN for no values. */
export function linearQuantile(values: ArrayLike<number>, share: number): number {
  return quantile(Float64Array.from(values).sort(), share);
}
