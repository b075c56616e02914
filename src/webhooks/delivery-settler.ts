import type { Clock } from '../core/clock.ts';
import type { AttemptResult } from '../core/delivery.ts';
import { nextDeliveryAt } from '../core/delivery-schedule.ts';
import { EndRecorder } from '../engine/end-recorder.ts';
import { describeThrown } from '../engine/handler-error.ts';
import type { Logger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import type { DeliverySettlement } from '../store/delivery-store.ts';
import type { SettleOutcome, Store } from '../store/store.ts';
import { logAttempt } from './attempt-log.ts';
import type { DeliveryObserver } from './delivery-observer.ts';
import type { SendingAttempt, SendingAttempts } from './sending-attempts.ts';

type DeliverySettlerParts = {
  readonly store: Pick<Store, 'settleDeliveries'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  /** The pauses of core/delivery-schedule.ts, or those of the setting that replaces them. */
  readonly pausesMs: readonly number[];
  readonly attempts: SendingAttempts;
  readonly observer: DeliveryObserver;
  /** A slot became free. */
  readonly freed: () => void;
  /**
   * The end of the attempt is durable. `nextAt`: when the next attempt is due; null: there is none.
   */
  readonly settled: (deliveryId: string, nextAt: number | null) => void;
};

/**
 * Records how delivery attempts ended. When the process dies before the store has recorded an end,
 * the lease ends and the delivery is sent again, with the same id.
 */
export class DeliverySettler {
  readonly #p: DeliverySettlerParts;
  readonly #ends: EndRecorder<SendingAttempt, DeliverySettlement>;

  constructor(p: DeliverySettlerParts) {
    const { clock, logger, attempts, freed } = p;
    this.#p = p;
    this.#ends = new EndRecorder({
      clock,
      outage: new Outage(logger, 'record how deliveries ended'),
      underWay: attempts,
      call: (_, settlement) => this.#call(settlement),
      inPlaceOf: (_, settlement, error) => this.#storable(settlement, error),
      recorded: (attempt, settlement, outcome) => {
        const nextAt = logAttempt(logger, { attempt, settlement, outcome, now: clock.now() });
        if (outcome === 'applied') this.#observe(attempt, settlement, nextAt);
        p.settled(settlement.id, nextAt);
      },
      givenUp: (_, { id }) => {
        logger.error(
          { delivery: id },
          'The end of a delivery attempt could not be recorded: it will be sent again.',
        );
      },
      freed,
    });
  }

  /** Calls the store at once, in this very turn; the slot is free when this returns. */
  settle(attempt: SendingAttempt, result: AttemptResult): void {
    attempt.phase = 'settling';
    this.#ends.record(attempt, this.#settlement(attempt, result));
  }

  /** Stops retrying to record ends. */
  abandon(): void {
    this.#ends.abandon();
  }

  #settlement(attempt: SendingAttempt, result: AttemptResult): DeliverySettlement {
    const { id, failures } = attempt.claimed.delivery;
    const next = result.delivered
      ? null
      : nextDeliveryAt({
          pausesMs: this.#p.pausesMs,
          failures: failures + 1,
          retryAfterAt: result.retryAfterAt,
          now: this.#p.clock.now(),
          random: this.#p.random(),
        });
    return { id, token: attempt.token, result, next };
  }

  /** Async, so that a store that throws instead of rejecting is asked again, too. */
  async #call(settlement: DeliverySettlement): Promise<SettleOutcome> {
    const [outcome] = await this.#p.store.settleDeliveries({
      settlements: [settlement],
      now: this.#p.clock.now(),
    });
    return outcome ?? 'lost';
  }

  #observe(attempt: SendingAttempt, { result }: DeliverySettlement, nextAt: number | null): void {
    const { clock, observer } = this.#p;
    const ms = result.timings?.totalMs ?? Math.max(0, clock.now() - attempt.startedAt);
    if (result.delivered) observer({ outcome: 'delivered', ms });
    else observer({ outcome: nextAt === null ? 'given_up' : 'failed', ms });
  }

  /**
   * A settlement that the store accepts, in place of one that it refuses because of what a receiver
   * sent.
   */
  #storable(settlement: DeliverySettlement, error: unknown): DeliverySettlement {
    this.#p.logger.error(
      { delivery: settlement.id, err: describeThrown(error) },
      'The store refuses the answer of a receiver: only how the attempt ended is kept.',
    );
    const { result } = settlement;
    const answer = result.answer && { status: result.answer.status, headers: {}, excerpt: null };
    return { ...settlement, result: { ...result, answer, detail: null } };
  }
}
