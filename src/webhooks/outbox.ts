import { isFinal } from '../core/operation.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { EventDeliveries } from './event-deliveries.ts';

/**
 * The deliveries of a final state. A store calls this within the commit that makes an operation
 * final, so there is no instant at which the operation has ended and its webhook is not stored:
 * kill -9 leaves both or neither.
 */
export function createOutbox(p: {
  readonly deliveries: EventDeliveries;
  /** The operation is final, or will be when the commit succeeds. */
  readonly ended: (operationId: string) => void;
  /**
   * There will be something to send. Called in the commit: a claim asked for now comes after it.
   */
  readonly wrote: () => void;
}): Outbox {
  return (operation, registered) => {
    const { id, state } = operation;
    if (!isFinal(state)) return [];
    p.ended(id);
    const event = state === 'completed' ? 'operation.completed' : 'operation.failed';
    const made = p.deliveries.of(event, operation, registered);
    if (made.length > 0) p.wrote();
    return made;
  };
}
