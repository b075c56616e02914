import { limits } from '../core/limits.ts';
import { statusOf, type Operation } from '../core/operation.ts';
import type { DescribedOperation } from '../webhooks/event-body.ts';
import type { HttpContext } from './context.ts';
import { operationJson, resultUrl, shownOperation, wireError } from './wire.ts';

/**
 * An operation as webhook bodies show it: as in a list, without attempts, but with its result when
 * that is small. Called inside the store's commits, so it does no I/O and does not throw.
 */
export function describeOperation(context: HttpContext, operation: Operation): DescribedOperation {
  const shown = { ...shownOperation(context, withSmallResult(operation)), attempts: null };
  const { state } = operation;
  return {
    status: statusOf(state),
    resultUrl: state === 'completed' ? resultUrl(context, operation) : null,
    error: state === 'failed' ? JSON.stringify(wireError(context, shown)) : 'null',
    operation: operationJson(context, shown),
  };
}

/**
 * Keeps only a small result. A receiver has to read the whole body before it can answer, and a
 * large result has an address of its own.
 */
function withSmallResult(operation: Operation): Operation {
  const { result } = operation;
  if (result === null || result.inline === null) return operation;
  if (Buffer.byteLength(result.inline) <= limits.webhookResultBytes) return operation;
  return { ...operation, result: { ...result, inline: null } };
}
