/**
 * `raincheck/store`: the parts for a store of your own. The type Store is its contract. The rules
 * of an operation's life are in `decide`, those of a delivery's in `decideAtEndpoint` and
 * `afterAttempt`, so that every store follows the same rules; exerciseStore of `raincheck/testing`
 * tests it.
 */
export {
  attemptUnderWay,
  decideDelivery,
  isDue,
  isFinalEvent,
  isOvertaken,
  type AttemptResult,
  type Delivery,
  type DeliveryAnswer,
  type DeliveryAttempt,
  type DeliveryDecision,
  type DeliveryEvent,
  type DeliveryState,
  type DeliveryTimings,
  type DeliveryTransition,
  type DeliveryTrigger,
  type WebhookEvent,
  type WebhookTarget,
} from './core/delivery.ts';
export { decideAtEndpoint } from './core/delivery-at-endpoint.ts';
export type {
  Endpoint,
  EndpointDisabled,
  EndpointHandshake,
  EndpointHealth,
} from './core/endpoint.ts';
export { afterAttempt, gateStands, inFlightAllowed } from './core/endpoint-health.ts';
export { RaincheckError, type OutcomeCode } from './core/errors.ts';
export { smallestDeliveryIdAt, smallestIdAt } from './core/id.ts';
export type { KeptLine, LineLevel, LogLine } from './core/log-line.ts';
export {
  claimedBefore,
  isFinal,
  statesOf,
  waitingState,
  type EndedAttempt,
  type Lease,
  type Operation,
  type OperationError,
  type OperationState,
  type OperationStatus,
  type Progress,
  type Result,
} from './core/operation.ts';
export {
  decide,
  holds,
  type Decision,
  type OperationEvent,
  type OwnTasks,
} from './core/transitions.ts';
export { changedEndpoint } from './store/changed-endpoint.ts';
export type {
  ClaimDeliveries,
  ClaimDeliveriesOutcome,
  ClaimedDelivery,
  DeliveryFilter,
  DeliveryPage,
  DeliverySettlement,
  DeliveryStore,
  EndpointChange,
  EndpointPage,
  EndpointWithCounts,
  HandshakeAnswer,
  ListDeliveries,
  NewDelivery,
  Outbox,
  SteerOutcome,
  StoredDelivery,
  WebhookSecret,
} from './store/delivery-store.ts';
export { meanDurationMs } from './store/durations.ts';
export { chunksAfter, linesAfter, type LogChunk } from './store/log-chunks.ts';
export { newDelivery } from './store/new-delivery.ts';
export { newOperation } from './store/new-operation.ts';
export type {
  AppendLogs,
  AppendOutcome,
  CancelOutcome,
  ClaimAtAccept,
  ClaimedOperation,
  ClaimOperations,
  ClaimOutcome,
  ClaimTask,
  CreateOperations,
  CreateOutcome,
  ExtendLeases,
  ExtendOutcome,
  IdempotencyKey,
  UsedIdempotencyKey,
  ListOperations,
  LogEntry,
  NewOperation,
  Note,
  OperationFilter,
  OperationPage,
  OperationStore,
  PruneOutcome,
  ReadLogs,
  SettleAttempts,
  Settlement,
  SettleOutcome,
  StoredQueue,
  SweepExpired,
  SweepOutcome,
  TaskRecord,
} from './store/operation-store.ts';
export type { Store, StoreCapabilities, StoreHint, StoreHints } from './store/store.ts';
export { liveSecrets, rotatedSecrets, tenantOwner } from './store/webhook-secrets.ts';
