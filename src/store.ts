/**
 * `raincheck/store`: what a store of one's own is made of. Its contract is the type Store; the rules of an
 * operation's life are `decide`'s, so that every store has the same; exerciseStore of `raincheck/testing` tests it.
 */
export { RaincheckError } from './core/errors.ts';
export { smallestIdAt } from './core/id.ts';
export { claimedBefore, isFinal, statesOf, waitingState } from './core/operation.ts';
export type * from './core/operation.ts';
export { decide, type Decision, type OperationEvent } from './core/transitions.ts';
export { meanDurationMs } from './store/durations.ts';
export { newOperation } from './store/new-operation.ts';
export type * from './store/store.ts';
