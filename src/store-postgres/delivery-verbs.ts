import { isOvertaken } from '../core/delivery.ts';
import type { DeliveryStore, SteerOutcome } from '../store/delivery-store.ts';
import type { Queries, Transaction } from './connection.ts';
import { claimDeliveries } from './delivery-claim.ts';
import { endpointsOf } from './delivery-create.ts';
import { countDeliveries, listDeliveries } from './delivery-list.ts';
import { listDeliveryAttempts, readDelivery, readOperationDelivery } from './delivery-reads.ts';
import { settleDeliveriesWrite } from './delivery-settle.ts';
import { sweepDeliveriesWrite } from './delivery-sweep.ts';
import {
  createEndpointWrite,
  listEndpoints,
  readEndpoint,
  removeEndpointWrite,
  updateEndpointWrite,
} from './endpoints.ts';
import type { GroupCommit, StepWrite } from './group-commit.ts';
import type { Notifier } from './notify.ts';
import { readSecrets, rotateSecret } from './secrets.ts';

type DeliveryReads = Pick<
  DeliveryStore,
  | 'readDelivery'
  | 'readOperationDelivery'
  | 'listDeliveries'
  | 'listDeliveryAttempts'
  | 'countDeliveries'
  | 'readEndpoint'
  | 'listEndpoints'
  | 'readSecrets'
>;

type Params<Verb extends keyof DeliveryStore> = Parameters<DeliveryStore[Verb]>[0];

/** As Database.write, in a transaction that need not be on the disk when it is answered. */
type WriteLoosely = <Outcome>(run: (tx: Transaction) => Promise<Outcome>) => Promise<Outcome>;

export function deliveryWritingVerbs(p: {
  readonly commits: GroupCommit;
  readonly writeLoosely: WriteLoosely;
  readonly notifier: Notifier | null;
}): Omit<DeliveryStore, keyof DeliveryReads> {
  const { commits, writeLoosely, notifier } = p;
  return {
    createDeliveries: (p) => commits.write(createDeliveriesWrite(p)),
    // A loss of power may take the record of an attempt, which is then made again with the same id.
    claimDeliveries: (p) =>
      commits.claimAfterAll(async () => {
        const { claimed, nextDueAt, left } = await writeLoosely((tx) => claimDeliveries(tx, p));
        // Nodes that looked meanwhile found nothing, because this claim held the endpoints.
        if (left) notifier?.tell({ ready: true, changed: [] });
        return { claimed, nextDueAt };
      }),
    settleDeliveries: (p) => commits.write(settleDeliveriesWrite(p)),
    sweepDeliveries: (p) => commits.write(sweepDeliveriesWrite(p)),
    redeliver: ({ ids, trigger, now }) =>
      commits.write(steerWrite(ids, { type: 'redelivered', trigger }, now)),
    discardDeliveries: ({ ids, inBulk, now }) =>
      commits.write(steerWrite(ids, { type: 'discarded', inBulk }, now)),
    createEndpoint: (p) => commits.write(createEndpointWrite(p)),
    updateEndpoint: (p) => commits.write(updateEndpointWrite(p)),
    removeEndpoint: (p) => commits.write(removeEndpointWrite(p)),
    rotateSecret: (p) =>
      commits.write({
        callersNow: p.now,
        execute: ({ tx }, now) => rotateSecret(tx, { ...p, now }),
      }),
  };
}

function createDeliveriesWrite({
  deliveries,
  now: callersNow,
}: Params<'createDeliveries'>): StepWrite<void> {
  return {
    callersNow,
    hasReady: true,
    needs: ({ ids, endpoints }) => {
      const { ids: endpointIds, requests } = endpointsOf(deliveries);
      for (const id of endpointIds) endpoints.ids.add(id);
      for (const [name, request] of requests) endpoints.requests.set(name, request);
      // The lock on the operation tells whether it has finished by now.
      for (const { event, operationId } of deliveries) {
        if (operationId !== null && isOvertaken(event)) ids.add(operationId);
      }
    },
    step: ({ webhooks }, now) => webhooks.creation.create(deliveries, now),
    bytes: deliveries.reduce((sum, { body }) => sum + body.length, 0),
  };
}

type SteerEvent =
  | { readonly type: 'redelivered'; readonly trigger: 'manual' | 'redrive' }
  | { readonly type: 'discarded'; readonly inBulk: boolean };

function steerWrite(
  ids: readonly string[],
  event: SteerEvent,
  callersNow: number,
): StepWrite<SteerOutcome[]> {
  return {
    callersNow,
    hasReady: event.type === 'redelivered',
    needs: ({ endpoints, deliveryIds }) => {
      for (const id of ids) {
        endpoints.deliveryIds.add(id);
        deliveryIds.add(id);
      }
    },
    step: async ({ webhooks: { deliveries } }, now) => {
      await deliveries.load(ids);
      return ids.map((id) => {
        const entry = deliveries.find(id);
        if (entry === undefined) return { outcome: 'missing' };
        const { outcome, delivery } = deliveries.apply(entry, event, now);
        return { outcome: outcome === 'applied' ? 'applied' : 'unchanged', delivery };
      });
    },
  };
}

export function deliveryReadingVerbs(database: Queries, requireOpen: () => void): DeliveryReads {
  const opened =
    <P, Outcome>(read: (p: P) => Promise<Outcome>) =>
    async (p: P): Promise<Outcome> => {
      requireOpen();
      return read(p);
    };
  return {
    readDelivery: opened(({ id }) => readDelivery(database, id)),
    readOperationDelivery: opened((p) => readOperationDelivery(database, p.operationId)),
    listDeliveries: opened((p) => listDeliveries(database, p)),
    listDeliveryAttempts: opened(({ id }) => listDeliveryAttempts(database, id)),
    countDeliveries: ({ filter }) => countDeliveries(database, filter, requireOpen),
    readEndpoint: opened(({ id }) => readEndpoint(database, id)),
    listEndpoints: opened((p) => listEndpoints(database, p)),
    readSecrets: opened((p) => readSecrets(database, p)),
  };
}
