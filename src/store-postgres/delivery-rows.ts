import type { DeliveryAttempt } from '../core/delivery.ts';
import { deliveryAttemptReader } from '../store/delivery-rows.ts';
import { jsonOrNull, parsed } from '../store/json-columns.ts';
import { numberArray, textArray } from './array-literal.ts';

/** From a row of deliveryAttemptColumns; columns that follow them are ignored. */
export const deliveryAttemptOf = deliveryAttemptReader((stored) => parsed(stored) as string | null);

/** A batch of attempts as arrays: the delivery's id, then deliveryAttemptColumns. */
export function deliveryAttemptArrays(attempts: readonly DeliveryAttempt[]): string[] {
  return [
    textArray(attempts.map(({ deliveryId }) => deliveryId)),
    numberArray(attempts.map(({ number }) => number)),
    textArray(attempts.map(({ trigger }) => trigger)),
    textArray(attempts.map(({ worker }) => worker)),
    numberArray(attempts.map(({ startedAt }) => startedAt)),
    numberArray(attempts.map(({ endedAt }) => endedAt)),
    textArray(attempts.map(({ outcome }) => outcome)),
    textArray(attempts.map(({ error }) => error)),
    textArray(attempts.map(({ detail }) => (detail === null ? null : JSON.stringify(detail)))),
    numberArray(attempts.map(({ nextAt }) => nextAt)),
    textArray(attempts.map(({ nextReason }) => nextReason)),
    textArray(attempts.map(({ timings }) => jsonOrNull(timings))),
    textArray(attempts.map(({ answer }) => jsonOrNull(answer))),
  ];
}
