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
    /** The attempt has ended, recorded or not. */
    remove(attempt: Attempt): void;
  };
  /** Calls the store in the turn in which it is called. */
  readonly call: (attempt: Attempt, end: End) => Promise<SettleOutcome>;
  /** The store keeps refusing this record: returns one for its place that the store can take. */
  readonly inPlaceOf: (attempt: Attempt, end: End, error: unknown) => End;
  /** The record is durable, or the lease was lost. */
  readonly recorded: (attempt: Attempt, end: End, outcome: SettleOutcome) => void;
  /** The end could not be recorded: the attempt is recovered when its lease expires. */
  readonly givenUp: (attempt: Attempt, end: End) => void;
  /**
   * A slot became free. `end`: the attempt's end, already sent to the store, freed it. null: no end
   * in flight freed it; look at the queue, something may be ready again.
   */
  readonly freed: (end: End | null) => void;
};

/**
 * Records how attempts of operations and deliveries ended. A record that the store could not take
 * is repeated until the fence answers `applied` or `lost`: the work is done, and without a record
 * it would be done again. A rejection is ambiguous, so `lost` after one may mean that the first try
 * succeeded; either way the store has the truth.
 *
 * A slot is free as soon as the store has been called, so that the record and the next claim share
 * a commit. A record that must be repeated takes its slot back, so that an outage of the store
 * cannot pile up records without bound.
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

  /** Stops repeating. */
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
