import { RaincheckError } from '../core/errors.ts';
import type { DeliveryStore } from './delivery-store.ts';

/** Scaffolding: the delivery verbs of a store that has none yet. Goes when both stores have theirs. */
function refuse(): never {
  throw new RaincheckError('store_unavailable', 'This store keeps no deliveries yet.');
}
const refused = async (): Promise<never> => refuse();

export const noDeliveries: DeliveryStore = {
  createDeliveries: refused,
  claimDeliveries: refused,
  settleDeliveries: refused,
  sweepDeliveries: refused,
  readDelivery: refused,
  readOperationDelivery: refused,
  listDeliveries: refused,
  listDeliveryAttempts: refused,
  countDeliveries: refused,
  redeliver: refused,
  discardDeliveries: refused,
  createEndpoint: refused,
  updateEndpoint: refused,
  readEndpoint: refused,
  listEndpoints: refused,
  removeEndpoint: refused,
  readSecrets: refused,
  rotateSecret: refused,
};
