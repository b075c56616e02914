/** The estimate that a client was last given. */
export type ShownEstimate = {
  readonly p50At: number;
  readonly p90At: number;
  /** A bound that was given has passed: show "longer than usual". */
  readonly boundPassed: boolean;
};

/** A time is kept while the new one differs by less than this share of what is left. */
const holdShare = 0.1;

/**
 * The estimate to show, given the one shown before (null: none), so that the time does not jitter
 * with every sample: each instant is kept until it would move by more than a tenth of what is left,
 * but never once it has passed.
 */
export function shownEstimate(p: {
  readonly before: ShownEstimate | null;
  readonly fresh: { readonly p50At: number; readonly p90At: number };
  readonly at: number;
}): ShownEstimate {
  const { before, fresh, at } = p;
  if (before === null) return { p50At: fresh.p50At, p90At: fresh.p90At, boundPassed: false };
  const p50At = held(before.p50At, fresh.p50At, at);
  const p90At = Math.max(p50At, held(before.p90At, fresh.p90At, at));
  return { p50At, p90At, boundPassed: before.boundPassed || at > before.p90At };
}

/** `before`, or `fresh` when that is too far off or `before` has passed. */
export function held(before: number, fresh: number, at: number): number {
  const moves = Math.abs(fresh - before) > holdShare * Math.max(0, fresh - at);
  return moves || before < at ? fresh : before;
}
