import type { CompletionEstimate } from './completion-estimate.ts';
import { estimatorSettings } from './settings.ts';
import { held, shownEstimate } from './shown-estimate.ts';

/** What the clients of one operation were told. */
export type Told = {
  /** When the first estimate was told, which the end is measured against. */
  readonly firstAt: number;
  /** What it was. */
  readonly first: Pick<CompletionEstimate, 'p50At' | 'p90At'>;
  /** As it is shown now. */
  readonly shown: CompletionEstimate;
  /** When `shown` was looked at last. */
  readonly at: number;
  /** A bound that was told has passed: say "longer than usual". */
  readonly boundPassed: boolean;
};

/** `fresh` as the first that is told. */
export function toldFirst(fresh: CompletionEstimate, at: number): Told {
  return { firstAt: at, first: fresh, shown: fresh, at, boundPassed: false };
}

/**
 * What to tell after `before`: instants are held as in shownEstimate, the start likewise until it has happened. While
 * the end is held, so is what it rests on; only the queue position is always that of now.
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
      // A bound that was guessed from a few of others says nothing of what is usual.
      longerThanUsual: fresh.longerThanUsual || (boundPassed && isUsual(fresh)),
    },
    at,
    boundPassed,
  };
}

function isUsual({ samples }: CompletionEstimate): boolean {
  return samples >= estimatorSettings.usualSamplesMin;
}
