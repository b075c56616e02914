import { limits } from '../core/limits.ts';
import type { DeliveryFilter, DeliveryStore, SteerOutcome } from '../store/delivery-store.ts';
import type { ReadConnection, WriteConnection } from './connection.ts';
import type { Deliveries } from './deliveries.ts';
import { prepareAlign } from './delivery-align.ts';
import { DeliveryClaim } from './delivery-claim.ts';
import type { CreateDelivery } from './delivery-create.ts';
import { prepareDeliveryLists } from './delivery-list.ts';
import { prepareDeliveryReads } from './delivery-reads.ts';
import { prepareSettleDeliveries } from './delivery-settle.ts';
import { prepareSweepDeliveries } from './delivery-sweep.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import { prepareEndpointReads, prepareEndpointWrites } from './endpoints.ts';
import type { GroupCommit, Callbacks } from './group-commit.ts';
import { endBatch, type EndBatch, type UnwrittenDeliveries } from './unwritten-deliveries.ts';
import { prepareReadSecrets, prepareSecretWrites } from './secrets.ts';

/** What all verbs of webhooks share. */
export type DeliveryParts = {
  readonly endpoints: EndpointLedger;
  readonly deliveries: Deliveries;
  readonly create: CreateDelivery;
};

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

export function deliveryWritingVerbs(
  writer: WriteConnection,
  commits: GroupCommit,
  { endpoints, deliveries, create }: DeliveryParts,
): Omit<DeliveryStore, keyof DeliveryReads> {
  const secrets = prepareSecretWrites(writer, endpoints.secrets);
  const align = prepareAlign(writer, endpoints, deliveries);
  const claim = new DeliveryClaim(writer, endpoints, { deliveries, secrets });
  const settle = prepareSettleDeliveries(endpoints, { deliveries, align });
  const sweep = prepareSweepDeliveries(writer, endpoints, { deliveries, align });
  const ends = new EndBatches(commits);
  const writes = prepareEndpointWrites(writer, endpoints, { align, secrets });
  const steer = (id: string, event: SteerEvent, now: number): SteerOutcome => {
    const row = deliveries.find(id);
    if (row === undefined) return { outcome: 'missing' };
    const { outcome, delivery } = deliveries.apply(row, event, now);
    return { outcome: outcome === 'applied' ? 'applied' : 'unchanged', delivery };
  };
  return {
    createDeliveries: (p) =>
      commits.write(() => {
        for (const delivery of p.deliveries) create(delivery, p.now);
      }),
    // A loss of power may take the record of an attempt, which is then made again with the same id.
    claimDeliveries: (p) => commits.writeLastLoosely(() => claim.run(p)),
    // By callbacks: a promise for each step cost 0.5 µs of a delivery.
    settleDeliveries: (p) =>
      new Promise((resolve, reject) => {
        commits.writeLooselyThen(() => settle(p), {
          resolve: ({ outcomes, batches }) =>
            ends.over(batches, { resolve: () => resolve(outcomes), reject }),
          reject,
        });
      }),
    sweepDeliveries: (p) => commits.writeLoosely(() => sweep(p)),
    redeliver: ({ ids, trigger, now }) =>
      commits.write(() => ids.map((id) => steer(id, { type: 'redelivered', trigger }, now))),
    discardDeliveries: ({ ids, inBulk, now }) =>
      commits.write(() => ids.map((id) => steer(id, { type: 'discarded', inBulk }, now))),
    createEndpoint: (p) => commits.write(() => writes.create(p)),
    updateEndpoint: (p) => commits.write(() => writes.update(p)),
    removeEndpoint: (p) => commits.write(() => writes.remove(p)),
    rotateSecret: (p) => commits.write(() => secrets.rotate(p)),
  };
}

/** Makes sure that recorded ends are written, by asking for commits until they are. */
class EndBatches {
  readonly #commits: GroupCommit;
  readonly #driven = new WeakSet<EndBatch>();

  constructor(commits: GroupCommit) {
    this.#commits = commits;
  }

  /**
   * Calls `resolve` when the ends of all batches are written; `reject` when some are not, and then
   * they can be settled again.
   */
  over(batches: readonly EndBatch[], p: Callbacks<void>): void {
    for (const batch of batches) {
      if (batch.over === null) {
        batch.listeners.push(() => this.over(batches, p));
        this.#driveOnce(batch);
        return;
      }
      if (batch.over.error !== null) {
        p.reject(batch.over.error);
        return;
      }
    }
    p.resolve();
  }

  #driveOnce(batch: EndBatch): void {
    if (this.#driven.has(batch)) return;
    this.#driven.add(batch);
    void this.#drive(batch);
  }

  async #drive(batch: EndBatch): Promise<void> {
    try {
      while (batch.over === null) await this.#commits.writeLoosely(() => undefined);
    } catch (error) {
      if (batch.over !== null) return;
      // Another process kept the write from beginning. The ends are undone, so that settling them
      // again is applied.
      this.#commits.forget();
      endBatch(batch, error);
    }
  }
}

type SteerEvent =
  | { readonly type: 'redelivered'; readonly trigger: 'manual' | 'redrive' }
  | { readonly type: 'discarded'; readonly inBulk: boolean };

export function deliveryReadingVerbs(
  reader: ReadConnection,
  p: {
    readonly commits: GroupCommit;
    readonly unwritten: UnwrittenDeliveries;
    readonly requireOpen: () => void;
  },
): DeliveryReads {
  const { commits, unwritten, requireOpen } = p;
  const reads = prepareDeliveryReads(reader, unwritten);
  const lists = prepareDeliveryLists(reader, unwritten);
  const endpoints = prepareEndpointReads(reader, unwritten);
  const readSecrets = prepareReadSecrets(reader);
  /**
   * Writes deliveries first, because statements find them by the state in their rows, which is
   * `pending` for those in flight and unwritten. If the disk is full, they find them by what has been
   * written.
   */
  const written = async ({ states }: DeliveryFilter): Promise<void> => {
    requireOpen();
    if (states === undefined || states.includes('pending') === states.includes('sending')) return;
    if (unwritten.isEmpty) return;
    await commits.writeLoosely(() => unwritten.writeAllWithCommit()).catch(() => undefined);
  };
  const opened =
    <P, Outcome>(read: (p: P) => Outcome) =>
    async (p: P): Promise<Outcome> => {
      requireOpen();
      return read(p);
    };
  return {
    readDelivery: opened(({ id }) => reads.delivery(id)),
    readOperationDelivery: opened(({ operationId }) => reads.ofOperation(operationId)),
    listDeliveries: async (p) => {
      await written(p.filter);
      requireOpen();
      return lists.list(p);
    },
    listDeliveryAttempts: opened(({ id }) => reads.attempts(id)),
    countDeliveries: async ({ filter }) => {
      await written(filter);
      let count = 0;
      let beforeId: string | null = null;
      do {
        requireOpen();
        const counted = lists.count({ filter, beforeId });
        count += counted.count;
        beforeId = counted.nextBeforeId;
        // A million rows are looked at in turns, so that others are served between them.
        if (beforeId !== null) await new Promise(setImmediate);
      } while (beforeId !== null && count < limits.deliveryCountMax);
      return Math.min(count, limits.deliveryCountMax);
    },
    readEndpoint: opened(({ id }) => endpoints.read(id)),
    listEndpoints: opened(endpoints.list),
    readSecrets: opened(readSecrets),
  };
}
