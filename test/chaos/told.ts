import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../src/core/limits.ts';
import { isFinal, type Operation } from '../../src/core/operation.ts';
import type { WireOperationEvent } from '../../src/core/wire-webhook.ts';
import type { OperationPage, Store } from '../../src/store/store.ts';
import type { Received } from '../support/webhook-receiver.ts';

/**
 * A receiver with occasional trouble, a record of what it was told, and a check of that against the
 * store.
 */
export class Told {
  readonly violations: string[] = [];
  /** By operation: the webhook-id that reported its end, once that was acknowledged. */
  readonly told = new Map<string, string>();
  /** Requests that the receiver reacted to. */
  requests = 0;
  readonly #dice: () => number;
  #news = Promise.withResolvers<void>();

  constructor(random: () => number) {
    this.#dice = random;
  }

  violate(sentence: string): void {
    if (this.violations.length < 100) this.violations.push(sentence);
  }

  /** Checks `isDone` at every request; false: it did not become true within `msMax`. */
  async until(isDone: () => boolean, msMax: number): Promise<boolean> {
    const late = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => late.resolve('late'), Math.max(0, msMax));
    try {
      while (!isDone()) {
        if ((await Promise.race([this.#news.promise, late.promise])) === 'late') return isDone();
      }
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Waits until the end of each of `ids` was delivered, and that is recorded. An end that a killed
   * process delivered but did not record is delivered again by another process. So all of them are
   * stopped in good order, and started again while something is left.
   */
  async drain(p: {
    readonly ids: Iterable<string>;
    readonly msMax: number;
    /** Stops in good order: attempts under way are recorded. */
    readonly stop: () => Promise<void>;
    /**
     * Operations that are not final and deliveries that are not done, while all processes are
     * stopped.
     */
    readonly left: () => Promise<number>;
    readonly start: () => Promise<void>;
  }): Promise<void> {
    const until = performance.now() + p.msMax;
    const missing = new Set(p.ids);
    const allTold = (): boolean => {
      for (const id of missing) if (this.told.has(id)) missing.delete(id);
      return missing.size === 0;
    };
    if (!(await this.until(allTold, p.msMax))) {
      this.violate(`The ends of ${missing.size} were not told within ${p.msMax} ms.`);
    }
    for (;;) {
      await p.stop();
      const left = await p.left();
      if (left === 0) return;
      const wanted = this.requests + left;
      await p.start();
      if (await this.until(() => this.requests >= wanted, until - performance.now())) continue;
      this.violate(`${left} operations and deliveries are left after ${p.msMax} ms.`);
      return p.stop();
    }
  }

  async react(received: Received, response: ServerResponse): Promise<number | void> {
    const status = await this.#reaction(received, response);
    this.requests += 1;
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
    return status;
  }

  /** Mostly healthy; now and then it fails, hangs up, or takes its time. */
  async #reaction({ id, body }: Received, response: ServerResponse): Promise<number | void> {
    const dice = this.#dice();
    if (dice < 0.06) return 500;
    if (dice < 0.09) {
      response.destroy();
      return undefined;
    }
    if (dice < 0.6) await sleep(this.#dice() * 40);
    if (response.destroyed) return undefined; // The sender was killed meanwhile.
    const event = JSON.parse(body) as WireOperationEvent;
    const known = this.told.get(event.operation_id);
    if (known !== undefined && known !== id) {
      this.violate(`${event.operation_id} was told as ${known} and as ${id}.`);
    }
    this.told.set(event.operation_id, id);
    return 200;
  }

  /**
   * Once nothing runs any more: every operation is final and delivered, and no two attempts of a
   * delivery overlap.
   */
  async checkStore(store: Store): Promise<Record<string, number>> {
    const counts = { stored: 0, delivered: 0, attempts: 0, unknown: 0 };
    let beforeId: string | null = null;
    do {
      const page: OperationPage = await store.listOperations({ filter: {}, limit: 200, beforeId });
      for (const operation of page.operations) {
        await this.#checkOperation(store, operation, counts);
      }
      beforeId = page.nextBeforeId;
    } while (beforeId !== null);
    return counts;
  }

  async #checkOperation(
    store: Store,
    { id, state }: Operation,
    counts: { stored: number; delivered: number; attempts: number; unknown: number },
  ): Promise<void> {
    counts.stored += 1;
    if (!isFinal(state)) return this.violate(`${id} is still ${state} at the end.`);
    const delivery = await store.readOperationDelivery({ operationId: id });
    if (delivery === null) return this.violate(`${id} is ${state} and has no delivery.`);
    if (delivery.state !== 'delivered') {
      return this.violate(`${id}: ${delivery.id} is ${delivery.state} at the end.`);
    }
    if (this.told.get(id) !== delivery.id) {
      this.violate(`${id}: nobody acknowledged ${delivery.id}.`);
    }
    counts.delivered += 1;
    const attempts = await store.listDeliveryAttempts({ id: delivery.id });
    counts.attempts += attempts.length;
    counts.unknown += attempts.filter(({ outcome }) => outcome === 'unknown').length;
    const areShown = delivery.attempts <= limits.deliveryAttemptsShown;
    if (areShown && attempts.length !== delivery.attempts) {
      this.violate(
        `${delivery.id} counts ${delivery.attempts} attempts and has ${attempts.length}.`,
      );
    }
    for (const [i, { number, startedAt }] of attempts.entries()) {
      const before = attempts[i - 1];
      if (before === undefined) continue;
      if (before.endedAt === null || before.endedAt > startedAt) {
        this.violate(`${delivery.id}: attempt ${number} began before the one before it ended.`);
      }
    }
  }
}
