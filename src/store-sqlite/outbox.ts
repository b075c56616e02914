import { isFinal, type Operation } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { operationOf } from '../store/operation-rows.ts';
import type { CreateDelivery } from './delivery-create.ts';
import type { EndpointLedger } from './endpoint-ledger.ts';
import type { Change, Operations } from './operations.ts';

/**
 * The deliveries that follow from a final state. Within the transaction that makes an operation
 * final, the caller's outbox says which deliveries follow, and they are created there. An operation
 * whose end nobody wants to hear of costs one look into memory. An error that the outbox throws
 * fails the caller's write, like an error of any write (group-commit.ts).
 */
export type OutboxWrites = {
  /** Whether an endpoint may want an event of an operation of this tenant. */
  readonly concerns: (tenant: string, hasWebhook: boolean) => boolean;
  /**
   * Creates the deliveries that follow from a completion in this transaction. Its statement
   * returned no record, so the row is read again.
   */
  readonly completed: (id: string, outbox: Outbox, now: number) => void;
  /** Creates the deliveries that follow if this change made an operation final. */
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
