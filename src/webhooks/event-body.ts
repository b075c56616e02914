import type { WebhookEvent } from '../core/delivery.ts';
import type { Operation, OperationStatus } from '../core/operation.ts';

/** What an event says about its operation; http/ chooses the words. */
export type DescribedOperation = {
  readonly status: OperationStatus;
  /** Root-relative; null until completed. */
  readonly resultUrl: string | null;
  /** The recorded problem as JSON text; `null` when there is none. */
  readonly error: string;
  /** The status resource as JSON text, without attempts, and with the result when it is small. */
  readonly operation: string;
};

/** Must not throw. `operation` is as the event reports it, perhaps not yet stored so. */
export type Describe = (operation: Operation) => DescribedOperation;

/**
 * The body of an event (a WireOperationEvent) as JSON text: made once, stored, and sent as these
 * bytes every time. It is concatenated by hand because every final state pays for it; all parts are
 * JSON already, or of characters that JSON never escapes.
 */
export function eventBody(
  event: WebhookEvent,
  operation: Operation,
  described: DescribedOperation,
): string {
  const { status, resultUrl, error } = described;
  return (
    `{"type":"${event}","timestamp":"${new Date(happenedAt(event, operation)).toISOString()}"` +
    `,"operation_id":"${operation.id}","status":"${status}"` +
    `,"result_url":${resultUrl === null ? 'null' : JSON.stringify(resultUrl)},"error":${error}` +
    `,"data":{"operation":${described.operation}}}`
  );
}

/** The body of `webhook.test` (a WireTestEvent). */
export function testBody(endpointId: string, now: number): string {
  const timestamp = new Date(now).toISOString();
  return JSON.stringify({ type: 'webhook.test', timestamp, data: { endpoint_id: endpointId } });
}

/** When the event happened; receivers order by it. */
export function happenedAt(event: WebhookEvent, operation: Operation): number {
  switch (event) {
    case 'operation.started':
      return operation.startedAt ?? operation.createdAt;
    case 'operation.progress':
      return operation.progress?.updatedAt ?? operation.createdAt;
    case 'operation.completed':
    case 'operation.failed':
      return operation.finishedAt ?? operation.createdAt;
  }
}
