import type { WebhookEvent } from '../core/delivery.ts';
import type { Clock } from '../core/clock.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import { Alarm } from '../engine/alarm.ts';
import type { Tell } from '../engine/engine.ts';
import type { Outage } from '../engine/outage.ts';
import type { NewDelivery } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import type { ProgressSubscribers } from './progress-subscribers.ts';
import type { EventDeliveries } from './event-deliveries.ts';

type ProgressEventsParts = {
  readonly store: Pick<Store, 'createDeliveries'>;
  readonly clock: Clock;
  readonly outage: Outage;
  readonly deliveries: EventDeliveries;
  readonly subscribers: ProgressSubscribers;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

type Recent = {
  /** Until this instant no further progress event of the operation is made. */
  dueAt: number;
  /** The latest progress held back until then; null: none. */
  latest: Operation | null;
};

/**
 * Makes `operation.started` and `operation.progress` for endpoints that asked. This is best effort,
 * unlike final events: an event that the store refuses, or that a crash cuts off, is lost.
 *
 * Progress of one operation is sent at once and then at most every limits.progressEventMs, with the
 * latest value. Nothing follows its end: progress held back is dropped when the outbox hears of the
 * end, and the store cancels or drops deliveries that were made before or come too late
 * (store/delivery-store.ts). Only an attempt that is then under way goes on.
 */
export class ProgressEvents {
  readonly #p: ProgressEventsParts;
  /** Operations with a progress event within the last progressEventMs. */
  readonly #recent = new Map<string, Recent>();
  readonly #alarm: Alarm;

  constructor(p: ProgressEventsParts) {
    this.#p = p;
    this.#alarm = new Alarm(p.clock, () => this.#tellHeldBack());
  }

  readonly tell: Tell = (event, operation) => {
    const name = event === 'started' ? 'operation.started' : 'operation.progress';
    const subscribers = this.#p.subscribers.of(operation.tenant);
    if (subscribers === null) void this.#tellWhenKnown(name, operation);
    else this.#tellTo(subscribers, name, operation);
  };

  ended(operationId: string): void {
    if (this.#recent.size > 0) this.#recent.delete(operationId);
  }

  stop(): void {
    this.#alarm.clear();
    this.#recent.clear();
  }

  async #tellWhenKnown(event: WebhookEvent, operation: Operation): Promise<void> {
    this.#tellTo(await this.#p.subscribers.load(operation.tenant), event, operation);
  }

  #tellTo(subscribers: readonly Endpoint[], event: WebhookEvent, operation: Operation): void {
    const isAsked =
      operation.webhook?.events.includes(event) === true ||
      subscribers.some((endpoint) => this.#p.deliveries.isSubscribed(endpoint, event, operation));
    if (!isAsked) return;
    if (event === 'operation.progress') this.#coalesce(operation);
    else this.#create(subscribers, event, operation);
  }

  #coalesce(operation: Operation): void {
    const now = this.#p.clock.now();
    const recent = this.#recent.get(operation.id);
    if (recent === undefined) {
      const dueAt = now + limits.progressEventMs;
      this.#recent.set(operation.id, { dueAt, latest: null });
      this.#alarm.setEarlier(dueAt);
      this.#createProgress(operation);
    } else if (recent.dueAt > now) {
      recent.latest = operation;
    } else {
      recent.dueAt = now + limits.progressEventMs;
      recent.latest = null;
      this.#createProgress(operation);
    }
  }

  #tellHeldBack(): void {
    const now = this.#p.clock.now();
    let next = Infinity;
    for (const [id, recent] of this.#recent) {
      if (recent.dueAt <= now) {
        if (recent.latest === null) {
          this.#recent.delete(id);
          continue;
        }
        this.#createProgress(recent.latest);
        recent.latest = null;
        recent.dueAt = now + limits.progressEventMs;
      }
      next = Math.min(next, recent.dueAt);
    }
    this.#alarm.setEarlier(next);
  }

  #createProgress(operation: Operation): void {
    const subscribers = this.#p.subscribers.of(operation.tenant) ?? [];
    this.#create(subscribers, 'operation.progress', operation);
  }

  #create(subscribers: readonly Endpoint[], event: WebhookEvent, operation: Operation): void {
    const deliveries = this.#p.deliveries.of(event, operation, subscribers);
    if (deliveries.length === 0) return;
    void this.#stored(deliveries);
  }

  async #stored(deliveries: readonly NewDelivery[]): Promise<void> {
    const { store, clock, outage, wrote } = this.#p;
    try {
      await store.createDeliveries({ deliveries, now: clock.now() });
    } catch (error) {
      outage.failed(error);
      return;
    }
    outage.ended();
    wrote();
  }
}
