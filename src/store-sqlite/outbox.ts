import { isFinal, type Operation } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { CreateDelivery } from './delivery-create.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import type { Change, Operations } from './operations.ts';

/**
 * What becomes of a final state: within the transaction that makes an operation final the caller's outbox says which
 * deliveries follow, and they are written there. An operation that nobody asked to be told of costs a look into
 * memory. What the outbox throws is the caller's write's, as of any write (group-commit.ts).
 */
export type OutboxWrites = {
  /** Whether anyone may want to be told of an operation of this tenant. */
  readonly concerns: (tenant: string, hasWebhook: boolean) => boolean;
  /** Writes the deliveries that follow from a completion in this transaction, by a statement that told no record. */
  readonly completed: (id: string, outbox: Outbox, now: number) => void;
  /** Writes the deliveries that follow when this change made an operation final. */
  readonly changed: (change: Change, outbox: Outbox | undefined, now: number) => void;
};

export function prepareOutbox(
  endpoints: EndpointLedger,
  operations: Operations,
  create: CreateDelivery,
): OutboxWrites {
  const { registered } = endpoints;
  const concerns = (tenant: string, hasWebhook: boolean): boolean =>
    hasWebhook || (!registered.isEmpty && registered.count(tenant) > 0);
  function tell(operation: Operation, outbox: Outbox, now: number): void {
    for (const delivery of outbox(operation, endpoints.registeredOf(operation.tenant))) {
      create(delivery, now);
    }
  }

  return {
    concerns,
    completed: (id, outbox, now) => {
      const row = operations.find(id);
      if (row !== undefined) tell(operationOf(row), outbox, now);
    },
    changed: ({ operation, outcome }, outbox, now) => {
      if (outbox === undefined || outcome !== 'applied' || !isFinal(operation.state)) return;
      const { tenant, webhook } = operation;
      if (concerns(tenant, webhook !== null)) tell(operation, outbox, now);
    },
  };
}
