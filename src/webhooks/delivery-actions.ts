import type { Clock } from '../core/clock.ts';
import type { Delivery, DeliveryAttempt } from '../core/delivery.ts';
import { RaincheckError } from '../core/errors.ts';
import type { SteerOutcome, StoredDelivery } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import type { DeliveryKey } from './webhooks.ts';

type DeliveryActionsParts = {
  readonly store: Store;
  readonly clock: Clock;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

/**
 * What people do with deliveries, as the part of Webhooks that its members name. Deliveries of
 * another tenant count as missing.
 */
export class DeliveryActions {
  readonly #p: DeliveryActionsParts;

  constructor(p: DeliveryActionsParts) {
    this.#p = p;
  }

  async read({ id, tenant }: DeliveryKey): Promise<StoredDelivery> {
    const stored = await this.#p.store.readDelivery({ id });
    if (stored === null || stored.delivery.tenant !== tenant) throw missing(id);
    return stored;
  }

  async listAttempts(p: DeliveryKey): Promise<readonly DeliveryAttempt[]> {
    await this.read(p);
    return this.#p.store.listDeliveryAttempts({ id: p.id });
  }

  async redeliver(p: DeliveryKey): Promise<Delivery> {
    await this.read(p);
    const { store, clock, wrote } = this.#p;
    const outcomes = await store.redeliver({
      ids: [p.id],
      trigger: 'manual',
      now: clock.now(),
    });
    const { outcome, delivery } = there(p.id, outcomes);
    if (outcome === 'applied') {
      wrote();
      return delivery;
    }
    if (delivery.state === 'sending') {
      throw new RaincheckError(
        'delivery_in_flight',
        'An attempt is under way: two of one delivery never overlap. Ask again when it has ended.',
        { retryAfterSeconds: 1 },
      );
    }
    throw new RaincheckError('endpoint_not_found', 'The endpoint of this delivery was removed.');
  }

  async discard(p: DeliveryKey): Promise<Delivery> {
    await this.read(p);
    const { store, clock } = this.#p;
    const outcomes = await store.discardDeliveries({
      ids: [p.id],
      inBulk: false,
      now: clock.now(),
    });
    const { outcome, delivery } = there(p.id, outcomes);
    if (outcome === 'applied') return delivery;
    throw new RaincheckError(
      'delivery_not_waiting',
      `Only what waits or is a dead letter can be discarded; ${p.id} is ${delivery.state}.`,
    );
  }
}

function there(
  id: string,
  [outcome]: readonly SteerOutcome[],
): Exclude<SteerOutcome, { outcome: 'missing' }> {
  if (outcome === undefined || outcome.outcome === 'missing') throw missing(id);
  return outcome;
}

function missing(id: string): RaincheckError {
  return new RaincheckError('delivery_not_found', `There is no delivery ${id.slice(0, 100)}.`);
}
