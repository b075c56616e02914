import type { Clock } from '../core/clock.ts';
import type { AttemptResult } from '../core/delivery.ts';
import { nextDeliveryAt } from '../core/delivery-schedule.ts';
import { describeThrown } from '../engine/handler-error.ts';
import type { Logger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import { repeatWrite } from '../engine/repeat-write.ts';
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
  /** core/delivery-schedule.ts, or what a setting has in its place. */
  readonly pausesMs: readonly number[];
  readonly attempts: SendingAttempts;
  readonly observer: DeliveryObserver;
  /** A slot became free. */
  readonly freed: () => void;
  /** The end of the attempt is durable; the next one, if there is one, is due then. */
  readonly settled: (deliveryId: string, nextAt: number | null) => void;
};

/**
 * Records how attempts ended. What the store could not take is repeated until the fence answers: the receiver has
 * the event already, and forgetting that would only send it again. When the process dies meanwhile, the lease ends
 * and it is sent again, with the same id.
 */
export class DeliverySettler {
  readonly #p: DeliverySettlerParts;
  readonly #outage: Outage;
  readonly #stop = new AbortController();

  constructor(p: DeliverySettlerParts) {
    this.#p = p;
    this.#outage = new Outage(p.logger, 'record how deliveries ended');
  }

  /** Calls the store at once, in this very turn; the slot is free when this returns. */
  settle(attempt: SendingAttempt, result: AttemptResult): void {
    const { attempts } = this.#p;
    attempt.phase = 'settling';
    const settlement = this.#settlement(attempt, result);
    const first = this.#call(settlement);
    attempts.freeSlot(attempt);
    this.#p.freed();
    first.then(
      (outcome) => this.#done(attempt, settlement, outcome),
      (error: unknown) => this.#repeat(attempt, settlement, error),
    );
  }

  /** No more repetitions. */
  abandon(): void {
    this.#stop.abort();
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

  async #call(settlement: DeliverySettlement): Promise<SettleOutcome> {
    const [outcome] = await this.#p.store.settleDeliveries({
      settlements: [settlement],
      now: this.#p.clock.now(),
    });
    return outcome ?? 'lost';
  }

  #done(attempt: SendingAttempt, settlement: DeliverySettlement, outcome: SettleOutcome): void {
    const { attempts, clock, logger, settled } = this.#p;
    attempts.remove(attempt);
    this.#outage.ended();
    const nextAt = logAttempt(logger, { attempt, settlement, outcome, now: clock.now() });
    if (outcome === 'applied') this.#observe(attempt, settlement, nextAt);
    settled(settlement.id, nextAt);
  }

  #observe(attempt: SendingAttempt, { result }: DeliverySettlement, nextAt: number | null): void {
    const { clock, observer } = this.#p;
    const ms = result.timings?.totalMs ?? Math.max(0, clock.now() - attempt.startedAt);
    if (result.delivered) observer({ outcome: 'delivered', ms });
    else observer({ outcome: nextAt === null ? 'given_up' : 'failed', ms });
  }

  async #repeat(
    attempt: SendingAttempt,
    first: DeliverySettlement,
    firstError: unknown,
  ): Promise<void> {
    const { clock, logger, attempts } = this.#p;
    attempts.takeSlot(attempt);
    let settlement = first;
    const outcome = await repeatWrite({
      clock,
      outage: this.#outage,
      stop: this.#stop.signal,
      firstError,
      call: () => this.#call(settlement),
      refused: (error) => {
        logger.error(
          { delivery: settlement.id, err: describeThrown(error) },
          'The store refuses the answer of a receiver: only how the attempt ended is kept.',
        );
        settlement = { ...settlement, result: withoutWords(settlement.result) };
      },
    });
    attempts.freeSlot(attempt);
    if (outcome === null) {
      logger.error(
        { delivery: settlement.id },
        'The end of a delivery attempt could not be recorded: it will be sent again.',
      );
      attempts.remove(attempt);
    } else {
      this.#done(attempt, settlement, outcome);
    }
    this.#p.freed();
  }
}

/** What others wrote may be what the store refuses. */
function withoutWords(result: AttemptResult): AttemptResult {
  const answer = result.answer && { status: result.answer.status, headers: {}, excerpt: null };
  return { ...result, answer, detail: null };
}
