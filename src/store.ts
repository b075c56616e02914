/**
 * `raincheck/store`: what a store of one's own is made of. Its contract is the type Store; the rules of an
 * operation's life are `decide`'s, those of a delivery's `decideAtEndpoint`'s and `afterAttempt`'s, so that every
 * store has the same; exerciseStore of `raincheck/testing` tests it.
 */
export {
  attemptUnderWay,
  decideDelivery,
  isDue,
  isFinalEvent,
  isOvertaken,
} from './core/delivery.ts';
export type * from './core/delivery.ts';
export { decideAtEndpoint } from './core/delivery-at-endpoint.ts';
export type * from './core/endpoint.ts';
export { afterAttempt, gateStands, inFlightAllowed } from './core/endpoint-health.ts';
export { RaincheckError } from './core/errors.ts';
export { smallestDeliveryIdAt, smallestIdAt } from './core/id.ts';
export type { KeptLine, LineLevel, LogLine } from './core/log-line.ts';
export { claimedBefore, isFinal, statesOf, waitingState } from './core/operation.ts';
export type * from './core/operation.ts';
export { decide, holds, type Decision, type OperationEvent } from './core/transitions.ts';
export { changedEndpoint } from './store/changed-endpoint.ts';
export type * from './store/delivery-store.ts';
export { meanDurationMs } from './store/durations.ts';
export { chunksAfter, linesAfter, type LogChunk } from './store/log-chunks.ts';
export { newDelivery } from './store/new-delivery.ts';
export { newOperation } from './store/new-operation.ts';
export type * from './store/store.ts';
export { liveSecrets, rotatedSecrets, tenantOwner } from './store/webhook-secrets.ts';
