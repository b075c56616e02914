import { elapsedClock, type Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import { Alarm } from '../engine/alarm.ts';
import { ClaimLoop, type ClaimRound } from '../engine/claim-loop.ts';
import type { Logger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import type { Service } from '../engine/service.ts';
import type { ClaimedDelivery } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import type { DeliveryObserver } from './delivery-observer.ts';
import { DeliverySettler } from './delivery-settler.ts';
import { takeTraceparent } from './event-deliveries.ts';
import { SendingAttempt, SendingAttempts } from './sending-attempts.ts';
import { loopMeter, SlotGathering } from './slot-gathering.ts';
import type { CheckedWebhookSettings } from './webhook-settings.ts';
import type { Sender } from './webhooks.ts';

type DispatcherParts = {
  readonly store: Pick<Store, 'claimDeliveries' | 'settleDeliveries'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly sender: Sender;
  /** The secrets that sign a delivery; rejects when they cannot be read. */
  readonly secretsOf: (claimed: ClaimedDelivery) => readonly string[] | Promise<readonly string[]>;
  readonly worker: string;
  readonly settings: Pick<
    CheckedWebhookSettings,
    'slots' | 'endpointSlots' | 'originSlots' | 'leaseMs' | 'pollMs' | 'pausesMs'
  >;
  /** An attempt has ended, durably. */
  readonly ended: (deliveryId: string) => void;
  readonly observer: DeliveryObserver;
};

/** The largest share of the slots for one endpoint, however much waits for it. */
const endpointShare = 0.25;
/** An attempt is cut off this long before its lease ends, and not begun when less is left. */
const leaseReserveMs = 2_000;

/**
 * Sends what is due: claims as many deliveries as there are free slots, makes one HTTP request of
 * each, and records how it ended. It looks for work when the outbox wrote, when a slot is free,
 * when the store said that the next delivery is due, and every `pollMs`. A slot is free as soon as
 * the settle has been called, and the next claim is asked for in the same turn, so that both share
 * a commit. A slot also becomes free when the receiver takes its time (SendingAttempts).
 *
 * The store decides which endpoints may be sent to (claimDeliveries): so many attempts at once to
 * one endpoint, none to one that is disabled or whose circuit is open. Nothing here remembers an
 * endpoint.
 *
 * Two attempts of one delivery never overlap, since an attempt ends before its lease does: the
 * sender's deadline is shorter than the lease, and an attempt that a blocked event loop or a slow
 * commit has held up until its lease is nearly over is cut off.
 */
export class Dispatcher implements Service<ClaimRound> {
  readonly #p: DispatcherParts;
  readonly #loop: ClaimLoop;
  readonly #attempts: SendingAttempts;
  readonly #settler: DeliverySettler;
  readonly #outage: Outage;
  readonly #leaseAlarm: Alarm;
  readonly #elapsed: Pick<Clock, 'now' | 'sleep'>;
  readonly #slowAlarm: Alarm;
  readonly #endpointSlots: number;
  readonly #gathering: SlotGathering;
  #tokens = 0;

  constructor(p: DispatcherParts) {
    this.#p = p;
    const { clock, logger } = p;
    const { slots, endpointSlots, pollMs, pausesMs } = p.settings;
    this.#endpointSlots = Math.min(endpointSlots, Math.max(1, Math.floor(slots * endpointShare)));
    this.#attempts = new SendingAttempts(slots);
    this.#gathering = new SlotGathering({
      slots,
      free: () => this.#attempts.free,
      claim: () => this.wake(),
      now: () => performance.now(),
      isBusy: loopMeter(),
    });
    this.#outage = new Outage(logger, 'send deliveries');
    this.#leaseAlarm = new Alarm(clock, () => this.cutOffOverdue());
    this.#elapsed = elapsedClock(clock);
    this.#slowAlarm = new Alarm(this.#elapsed, () => this.#overtakeSlow());
    this.#loop = new ClaimLoop({
      clock,
      pollMs,
      outage: new Outage(logger, 'claim deliveries'),
      full: () => this.#attempts.free === 0,
      round: () => this.#round(),
    });
    this.#settler = new DeliverySettler({
      store: p.store,
      clock,
      logger,
      random: p.random,
      pausesMs,
      attempts: this.#attempts,
      observer: p.observer,
      freed: () => this.#gathering.freed(),
      settled: (id, nextAt) => {
        if (nextAt !== null) this.#loop.wakeAt(nextAt);
        p.ended(id);
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** There may be something to send. */
  wake(): void {
    this.#loop.wake();
  }

  /** Claims no more; attempts under way go on. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Resolves when no attempt is under way any more, after `ms`, or when `cut` aborts. */
  idleWithin(ms: number, cut: AbortSignal): Promise<void> {
    return this.#attempts.idleWithin(ms, { clock: this.#p.clock, cut });
  }

  /** Cuts off attempts under way; their deliveries are sent again when the leases are over. */
  giveUp(): void {
    this.#settler.abandon();
    this.#leaseAlarm.clear();
    this.#slowAlarm.clear();
    for (const attempt of this.#attempts.all) {
      if (attempt.phase === 'sending') this.#drop(attempt);
    }
  }

  runOnce(): Promise<ClaimRound> {
    return this.#loop.runOnce();
  }

  /**
   * Cuts off attempts whose lease is nearly over. Runs before every sweep, so that no delivery is
   * on the wire twice after a blocked event loop or a suspended machine.
   */
  cutOffOverdue(): void {
    const now = this.#p.clock.now();
    let next = Infinity;
    for (const attempt of this.#attempts.all) {
      if (attempt.phase !== 'sending') continue;
      const cutOffAt = attempt.leaseEndsAt - leaseReserveMs;
      if (cutOffAt <= now) attempt.abort();
      else next = Math.min(next, cutOffAt);
    }
    this.#leaseAlarm.setEarlier(next);
  }

  /**
   * Frees the slots of attempts that are not answered soon; they go on without one, so that others
   * need not wait for them.
   */
  #overtakeSlow(): void {
    const { freed, nextBegunAt } = this.#attempts.freeSlow(
      this.#elapsed.now() - limits.deliverySlotMs,
    );
    if (nextBegunAt !== null) this.#slowAlarm.setEarlier(nextBegunAt + limits.deliverySlotMs);
    if (freed > 0) this.wake();
  }

  async #round(): Promise<ClaimRound> {
    const p = this.#p;
    const { claimed, nextDueAt } = await p.store.claimDeliveries({
      worker: p.worker,
      newToken: () => `${p.worker}.${(this.#tokens += 1).toString(36)}`,
      leaseMs: p.settings.leaseMs,
      limit: this.#attempts.free,
      endpointInFlightMax: this.#endpointSlots,
      originInFlightMax: p.settings.originSlots,
      now: p.clock.now(),
    });
    for (const one of claimed) this.#begin(one);
    return { claimed: claimed.length, nextDueAt };
  }

  #begin(claimed: ClaimedDelivery): void {
    const { clock, logger } = this.#p;
    const attempt = new SendingAttempt(claimed, {
      now: clock.now(),
      elapsed: this.#elapsed.now(),
    });
    this.#attempts.add(attempt);
    this.#attempts.takeSlot(attempt);
    const cutOffAt = attempt.leaseEndsAt - leaseReserveMs;
    if (cutOffAt <= attempt.startedAt) {
      logger.warn(
        { delivery: claimed.delivery.id },
        'A claim took so long that its lease is over.',
      );
      this.#drop(attempt);
      return;
    }
    this.#leaseAlarm.setEarlier(cutOffAt);
    this.#slowAlarm.setEarlier(attempt.begunAt + limits.deliverySlotMs);
    void this.#send(attempt);
  }

  /** Ends the attempt without a record: its lease ends, and the delivery is sent again. */
  #drop(attempt: SendingAttempt): void {
    attempt.abort();
    this.#attempts.freeSlot(attempt);
    this.#attempts.remove(attempt);
  }

  async #send(attempt: SendingAttempt): Promise<void> {
    const { claimed, signal } = attempt;
    const { delivery, endpoint, body } = claimed;
    // The claim has set `url` to the endpoint's present address, which its headers belong to: they
    // may be meant for no other receiver.
    const { id, event, url } = delivery;
    const { traceparent, headers: own } = takeTraceparent(claimed.headers);
    const headers = { ...endpoint.headers, ...own };
    try {
      const found = this.#p.secretsOf(claimed);
      const secrets = found instanceof Promise ? await found : found;
      const request = { id, event, url, headers, body, secrets, traceparent, signal };
      const result = await this.#p.sender.send(request);
      this.#outage.ended();
      if (attempt.phase === 'sending') this.#settler.settle(attempt, result);
    } catch (error) {
      // The secrets could not be read. An unsigned request would be refused, and that would say
      // nothing about the receiver.
      this.#outage.failed(error);
      if (attempt.phase === 'sending') this.#drop(attempt);
    }
  }
}
