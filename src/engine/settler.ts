import type { Clock } from '../core/clock.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { Settlement, SettleOutcome, Store } from '../store/store.ts';
import type { Attempt } from './attempt.ts';
import { describeThrown, plainError } from './handler-error.ts';
import { attemptFields } from './handler-context.ts';
import type { LogKeeper } from './log-keeper.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { repeatWrite } from './repeat-write.ts';
import type { RunningAttempts } from './running-attempts.ts';

type SettlerParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly running: RunningAttempts;
  readonly outbox: Outbox | undefined;
  /** Whose lines are to be stored before it ends, and forgotten where it ends without a record. */
  readonly logs: Pick<LogKeeper, 'sendLast' | 'forget'>;
  /** A slot became free. */
  readonly freed: () => void;
  /** The settlement is durable, or was lost. */
  readonly settled: (attempt: Attempt, settlement: Settlement, outcome: SettleOutcome) => void;
};

/**
 * Records how attempts ended. A settle that the store could not take is repeated until the fence answers
 * `applied` or `lost`: the work is done, and dropping its result would do it again. A rejection is ambiguous,
 * so `lost` after one may mean that the first try got through; either way the store has the truth.
 */
export class Settler {
  readonly #p: SettlerParts;
  readonly #outage: Outage;
  readonly #stop = new AbortController();

  constructor(p: SettlerParts) {
    this.#p = p;
    this.#outage = new Outage(p.logger, 'record how attempts ended');
  }

  /** Calls the store at once, in this very turn; the slot is free when this returns. */
  settle(attempt: Attempt, settlement: Settlement): void {
    attempt.phase = 'settling';
    const first = this.#call(attempt, settlement);
    this.#p.running.freeSlot(attempt);
    this.#p.freed();
    first.then(
      (outcome) => this.#done(attempt, settlement, outcome),
      (error: unknown) => this.#repeat(attempt, settlement, error),
    );
  }

  /** The attempt ends without a record: its lease is another's, or the process gives up on it. */
  drop(attempt: Attempt): void {
    attempt.phase = 'ended';
    this.#p.logs.forget(attempt);
    this.#p.running.freeSlot(attempt);
    this.#p.running.remove(attempt);
    this.#p.freed();
  }

  /** No more repetitions; what is not recorded yet is found again when its lease expires. */
  abandon(): void {
    this.#stop.abort();
  }

  async #call(attempt: Attempt, settlement: Settlement): Promise<SettleOutcome> {
    this.#p.logs.sendLast(attempt);
    const [outcome] = await this.#p.store.settleAttempts({
      settlements: [settlement],
      outbox: this.#p.outbox,
      now: this.#p.clock.now(),
    });
    return outcome ?? 'lost';
  }

  #done(attempt: Attempt, settlement: Settlement, outcome: SettleOutcome): void {
    attempt.phase = 'ended';
    this.#p.running.remove(attempt);
    this.#outage.ended();
    this.#p.settled(attempt, settlement, outcome);
  }

  async #repeat(attempt: Attempt, first: Settlement, firstError: unknown): Promise<void> {
    const { clock, running } = this.#p;
    running.takeSlot(attempt);
    let settlement = first;
    const outcome = await repeatWrite({
      clock,
      outage: this.#outage,
      stop: this.#stop.signal,
      firstError,
      call: () => this.#call(attempt, settlement),
      refused: (error) => {
        settlement = this.#unstorable(attempt, error);
      },
    });
    if (outcome === null) {
      this.#p.logger.error(attemptFields(attempt), 'The end of an attempt could not be recorded.');
      this.drop(attempt);
      return;
    }
    running.freeSlot(attempt);
    this.#done(attempt, settlement, outcome);
    this.#p.freed();
  }

  /** The store keeps refusing this record, so the operation fails with one that it can take. */
  #unstorable(attempt: Attempt, error: unknown): Settlement {
    this.#p.logger.error(
      { ...attemptFields(attempt), err: describeThrown(error) },
      'The store refuses the result of an attempt.',
    );
    return {
      type: 'attempt_failed',
      id: attempt.operation.id,
      token: attempt.token,
      error: plainError('result_invalid', 'The store could not keep the result.'),
      retryAt: null,
    };
  }
}
