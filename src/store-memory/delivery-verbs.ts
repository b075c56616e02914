import { limits } from '../core/limits.ts';
import type { DeliveryStore } from '../store/delivery-store.ts';
import type { DeliveryBook } from './delivery-book.ts';
import { claimDeliveries } from './delivery-claim.ts';

/** The verbs of DeliveryStore over `book`; `requireOpen` throws once the store is closed. */
export function deliveryVerbs(book: DeliveryBook, requireOpen: () => void): DeliveryStore {
  const { index, endpoints } = book;
  /** Does all of a verb's work before it returns the promise. */
  function verb<P, Answer>(work: (p: P) => Answer): (p: P) => Promise<Answer> {
    return async (p) => {
      requireOpen();
      return work(p);
    };
  }
  return {
    createDeliveries: verb((p) => book.add(p.deliveries, p.now)),
    claimDeliveries: verb((p) => claimDeliveries(book, p)),
    settleDeliveries: verb((p) => p.settlements.map((one) => book.settle(one, p.now))),
    sweepDeliveries: verb((p) => book.sweep(p)),
    readDelivery: verb(({ id }) => book.read(id) ?? null),
    readOperationDelivery: verb(({ operationId }) => book.ofOperation(operationId) ?? null),
    listDeliveries: verb((p) => index.page(p)),
    listDeliveryAttempts: verb(({ id }) => book.attempts(id).slice(-limits.deliveryAttemptsShown)),
    countDeliveries: verb(({ filter }) => index.count(filter)),
    redeliver: verb(({ ids, trigger, now }) =>
      ids.map((id) => book.steer(id, { type: 'redelivered', trigger }, now)),
    ),
    discardDeliveries: verb(({ ids, inBulk, now }) =>
      ids.map((id) => book.steer(id, { type: 'discarded', inBulk }, now)),
    ),
    createEndpoint: verb((p) => endpoints.create(p)),
    updateEndpoint: verb((p) => book.updateEndpoint(p)),
    readEndpoint: verb(({ id }) => {
      const queue = endpoints.get(id);
      if (queue === undefined) return null;
      const counted = (state: 'pending' | 'held' | 'dead'): number =>
        Math.min(queue.count(state), limits.deliveryCountMax);
      const [waiting, held, dead] = [counted('pending'), counted('held'), counted('dead')];
      return { endpoint: queue.endpoint, waiting, held, dead };
    }),
    listEndpoints: verb((p) => endpoints.page(p)),
    removeEndpoint: verb((p) => book.removeEndpoint(p)),
    readSecrets: verb(({ owner, now }) => endpoints.secrets(owner, now)),
    rotateSecret: verb((p) => endpoints.rotate(p)),
  };
}
