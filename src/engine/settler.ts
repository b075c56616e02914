import type { Clock } from '../core/clock.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { Settlement, SettleOutcome, Store } from '../store/store.ts';
import type { Attempt } from './attempt.ts';
import { EndRecorder } from './end-recorder.ts';
import { describeThrown, plainError } from './handler-error.ts';
import { attemptFields } from './handler-context.ts';
import type { LogKeeper } from './log-keeper.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import type { RunningAttempts } from './running-attempts.ts';

type SettlerParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly running: RunningAttempts;
  readonly outbox: Outbox | undefined;
  /**
   * Stores the attempt's last lines before its end, or forgets them where it ends without a record.
   */
  readonly logs: Pick<LogKeeper, 'sendLast' | 'forget'>;
  /**
   * A slot became free. `settlement`: the attempt's end, already sent to the store, freed it. null:
   * no end in flight freed it; look at the queue, something may be ready again.
   */
  readonly freed: (settlement: Settlement | null) => void;
  /** The settlement is durable, or the lease was lost. */
  readonly settled: (attempt: Attempt, settlement: Settlement, outcome: SettleOutcome) => void;
};

/** Records how attempts of operations ended. */
export class Settler {
  readonly #p: SettlerParts;
  readonly #ends: EndRecorder<Attempt, Settlement>;

  constructor(p: SettlerParts) {
    const { clock, logger, logs, running, freed, settled } = p;
    this.#p = p;
    this.#ends = new EndRecorder({
      clock,
      outage: new Outage(logger, 'record how attempts ended'),
      underWay: running,
      call: (attempt, settlement) => this.#call(attempt, settlement),
      inPlaceOf: (attempt, _, error) => this.#unstorable(attempt, error),
      recorded: settled,
      givenUp: (attempt) => {
        logs.forget(attempt);
        logger.error(attemptFields(attempt), 'The end of an attempt could not be recorded.');
      },
      freed,
    });
  }

  /** Calls the store at once, in this very turn; the slot is free when this returns. */
  settle(attempt: Attempt, settlement: Settlement): void {
    attempt.phase = 'settling';
    this.#ends.record(attempt, settlement);
  }

  /**
   * Ends the attempt without a record: another worker holds its lease, or the process gives up on
   * it.
   */
  drop(attempt: Attempt): void {
    this.#p.logs.forget(attempt);
    this.#p.running.freeSlot(attempt);
    this.#p.running.remove(attempt);
    this.#p.freed(null);
  }

  /** Stops repeating; attempts that are not recorded yet are recovered when their leases expire. */
  abandon(): void {
    this.#ends.abandon();
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

  /**
   * The store keeps refusing this record: the operation fails instead, with a record that the store
   * can take.
   */
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
