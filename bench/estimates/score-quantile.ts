import { quantile } from '../../src/core/estimator/quantile.ts';

/** The quantile `share` (0..1) of values in any order, linear between neighbours. NaN of none. */
export function linearQuantile(values: ArrayLike<number>, share: number): number {
  return quantile(Float64Array.from(values).sort(), share);
}
