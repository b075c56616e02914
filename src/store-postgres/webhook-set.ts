import type { Transaction } from './connection.ts';
import { Deliveries } from './deliveries.ts';
import { DeliveryCreation } from './delivery-create.ts';
import { EndpointLedger, noEndpoints, type EndpointNeeds } from './endpoint-ledger.ts';
import { OutboxQueue } from './outbox.ts';

/** The half of a transaction's working set that is about webhooks. */
export class WebhookSet {
  readonly tx: Transaction;
  readonly endpoints: EndpointLedger;
  readonly deliveries: Deliveries;
  readonly creation: DeliveryCreation;
  readonly outbox: OutboxQueue;

  /** `wanted`: endpoints that an earlier try of the same transaction turned out to need. */
  constructor(tx: Transaction, wanted: EndpointNeeds = noEndpoints()) {
    this.tx = tx;
    this.endpoints = new EndpointLedger(tx, wanted);
    this.deliveries = new Deliveries(tx, this.endpoints);
    this.creation = new DeliveryCreation(tx, this);
    this.outbox = new OutboxQueue(tx, this);
  }

  /** Sends changes of new endpoints and of deliveries, so that later statements see them. */
  post(): void {
    this.endpoints.postInserts();
    this.deliveries.post();
  }

  /** Writes everything, including the deliveries of operations that became final. */
  async flush(now: number): Promise<void> {
    await this.outbox.drain(now);
    this.post();
    await this.endpoints.flush(now);
  }

  /** Forgets everything, after flush(): statements outside of this set change these rows. */
  reset(): void {
    this.endpoints.reset();
    this.deliveries.reset();
    this.creation.reset();
    this.outbox.reset();
  }
}
