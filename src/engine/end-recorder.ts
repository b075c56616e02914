import type { Clock } from '../core/clock.ts';
import type { SettleOutcome } from '../store/store.ts';
import type { Outage } from './outage.ts';
import { repeatWrite } from './repeat-write.ts';

type EndRecorderParts<Attempt, End> = {
  readonly clock: Clock;
  readonly outage: Outage;
  readonly underWay: {
    takeSlot(attempt: Attempt): void;
    freeSlot(attempt: Attempt): void;
    /** It has ended, recorded or not. */
    remove(attempt: Attempt): void;
  };
  /** Asks the store, in the turn it is called in. */
  readonly call: (attempt: Attempt, end: End) => Promise<SettleOutcome>;
  /** The store keeps refusing this very record: one in its place that it can take. */
  readonly inPlaceOf: (attempt: Attempt, end: End, error: unknown) => End;
  /** The record is durable, or its lease was lost. */
  readonly recorded: (attempt: Attempt, end: End, outcome: SettleOutcome) => void;
  /** It could not be recorded: it is found again when its lease is over. */
  readonly givenUp: (attempt: Attempt, end: End) => void;
  /** A slot became free; `end`: by that, which is on its way to the store; null: something may be ready again. */
  readonly freed: (end: End | null) => void;
};

/**
 * Records how attempts ended, of operations and of deliveries alike. What the store could not take is repeated until
 * the fence answers `applied` or `lost`: the work is done, and forgetting that would do it again. A rejection is
 * ambiguous, so `lost` after one may mean that the first try got through; either way the store has the truth.
 *
 * A slot is free as soon as the store has been called, so that the record and the next claim share a commit; what has
 * to be repeated takes it back, so that an outage of the store cannot pile up records without bound.
 */
export class EndRecorder<Attempt, End> {
  readonly #p: EndRecorderParts<Attempt, End>;
  readonly #stop = new AbortController();

  constructor(p: EndRecorderParts<Attempt, End>) {
    this.#p = p;
  }

  /** Calls the store at once, in this very turn; the slot is free when this returns. */
  record(attempt: Attempt, end: End): void {
    const first = this.#p.call(attempt, end);
    this.#p.underWay.freeSlot(attempt);
    this.#p.freed(end);
    first.then(
      (outcome) => this.#done(attempt, end, outcome),
      (error: unknown) => this.#repeat(attempt, end, error),
    );
  }

  /** No more repetitions. */
  abandon(): void {
    this.#stop.abort();
  }

  #done(attempt: Attempt, end: End, outcome: SettleOutcome): void {
    this.#p.underWay.remove(attempt);
    this.#p.outage.ended();
    this.#p.recorded(attempt, end, outcome);
  }

  async #repeat(attempt: Attempt, first: End, firstError: unknown): Promise<void> {
    const { clock, outage, underWay, call, inPlaceOf, givenUp, freed } = this.#p;
    underWay.takeSlot(attempt);
    let end = first;
    const outcome = await repeatWrite({
      clock,
      outage,
      stop: this.#stop.signal,
      firstError,
      call: () => call(attempt, end),
      refused: (error) => {
        end = inPlaceOf(attempt, end, error);
      },
    });
    underWay.freeSlot(attempt);
    if (outcome === null) {
      givenUp(attempt, end);
      underWay.remove(attempt);
    } else this.#done(attempt, end, outcome);
    freed(null);
  }
}
