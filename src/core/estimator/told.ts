import type { CompletionEstimate } from './completion-estimate.ts';
import { estimatorSettings } from './settings.ts';
import { held, shownEstimate } from './shown-estimate.ts';

/** The estimates that the clients of one operation were given. */
export type Told = {
  /** When the first estimate was given, which the actual end is compared with. */
  readonly firstAt: number;
  /** The first estimate. */
  readonly first: Pick<CompletionEstimate, 'p50At' | 'p90At'>;
  /** The estimate shown now. */
  readonly shown: CompletionEstimate;
  /** When `shown` was last updated. */
  readonly at: number;
  /** A bound that was given has passed: show "longer than usual". */
  readonly boundPassed: boolean;
};

/** Records `fresh` as the first estimate given. */
export function toldFirst(fresh: CompletionEstimate, at: number): Told {
  return { firstAt: at, first: fresh, shown: fresh, at, boundPassed: false };
}

/**
 * The estimate to give after `before`: instants are held as in shownEstimate, and so is the start
 * until it has happened. While the end is held, so is its basis; only the queue position is always
 * the present one.
 */
export function toldNext(
  before: Told,
  p: { readonly fresh: CompletionEstimate; readonly at: number; readonly started: boolean },
): Told {
  const { fresh, at } = p;
  const { p50At, p90At, boundPassed } = shownEstimate({
    before: { ...before.shown, boundPassed: before.boundPassed },
    fresh,
    at,
  });
  const { shown } = before;
  const isHeld = p50At === shown.p50At && p90At === shown.p90At && fresh.basis === shown.basis;
  const startsAt = p.started ? fresh.startsAt : held(shown.startsAt, fresh.startsAt, at);
  return {
    firstAt: before.firstAt,
    first: before.first,
    shown: {
      ...(isHeld ? shown : fresh),
      startsAt: Math.min(startsAt, p50At),
      p50At,
      p90At,
      queuePosition: fresh.queuePosition,
      // A bound guessed from a few of other tasks says nothing about what is usual.
      longerThanUsual: fresh.longerThanUsual || (boundPassed && isUsual(fresh)),
    },
    at,
    boundPassed,
  };
}

function isUsual({ samples }: CompletionEstimate): boolean {
  return samples >= estimatorSettings.usualSamplesMin;
}
