/**
 * A source of numbers uniform in [0, 1). The estimator has none of its own, so that a replay
 * repeats exactly.
 */
export type Random = () => number;
