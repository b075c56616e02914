/** Maps values to heights. Pure. */
export type ValueScale = {
  /** Height of a value: 0 at the bottom, 1 at the top. */
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
};

/** A scale from 0 to a round number above `max`, with a few whole steps. */
export function linearScale(max: number): ValueScale {
  const step = roundStep(Math.max(max, 1) / 3);
  const top = step * Math.max(1, Math.ceil(Math.max(max, 1) / step));
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  return { at: (value) => value / top, ticks };
}

/** The least step of 1, 2 or 5 times a power of ten that is whole and not below `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= least) ?? 10;
  return Math.max(1, step * power);
}

/** A scale of whole decades around the values, at least two; values of 0 are at the bottom. */
export function logScale(values: readonly number[]): ValueScale {
  const known = values.filter((value) => value > 0);
  const low = known.length === 0 ? 1 : Math.floor(Math.log10(Math.min(...known)));
  const high = known.length === 0 ? 3 : Math.ceil(Math.log10(Math.max(...known)) + 1e-9);
  const top = Math.max(high, low + 2);
  const ticks = Array.from({ length: top - low + 1 }, (_, i) => 10 ** (low + i));
  const at = (value: number): number =>
    Math.max(0, (Math.log10(Math.max(value, 10 ** low)) - low) / (top - low));
  return { at, ticks: ticks.length > 5 ? ticks.filter((_, i) => i % 2 === 0) : ticks };
}
