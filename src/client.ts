export type { Batch, BatchAction, BatchClient } from './client/batches.ts';
export {
  createClient,
  type Client,
  type ErrorFilter,
  type ListFilter,
  type RunOptions,
  type StatsOptions,
  type SubmitOptions,
} from './client/client.ts';
export type { OperationFilter } from './client/operation-filter.ts';
export type { OperationEvent } from './client/events.ts';
export type { FeedEvent, FeedOptions } from './client/feed.ts';
export {
  operationStore,
  type OperationSnapshot,
  type OperationStore,
} from './client/operation-store.ts';
export type { LogsOptions } from './client/logs.ts';
export type { CallOptions, OperationHandle, WaitSettings } from './client/operation.ts';
export {
  NetworkError,
  OperationFailed,
  ProblemError,
  WaitTimeout,
  type Problem,
} from './client/problem.ts';
export { isFinal } from './client/wait.ts';
export type { InputOf, OutputOf, TaskName } from './client/task-types.ts';
export type {
  DeliveryFilter,
  DeliveryListFilter,
  EndpointMembers,
  NewEndpoint,
  PageOptions,
  Redrive,
  WebhooksClient,
} from './client/webhooks.ts';
export type { RetryNotice, TransportOptions as ClientOptions } from './client/transport.ts';
export {
  verifyWebhook,
  type VerifyOptions,
  type WebhookBody,
  type WebhookHeaders,
} from './client/verify-webhook.ts';
export { WebhookVerificationError, type WebhookErrorCode } from './client/webhook-error.ts';
export type { Clock } from './core/clock.ts';
export type {
  DeliveryEvent,
  DeliveryState,
  DeliveryTrigger,
  WebhookEvent,
} from './core/delivery.ts';
export type { Duration } from './core/duration.ts';
export type { EndpointDisabled, EndpointHandshake } from './core/endpoint.ts';
export type { FieldError, OutcomeCode } from './core/errors.ts';
export type { Health, HealthCode, HealthStatus } from './core/health.ts';
export type { LineLevel } from './core/log-line.ts';
export type { EstimateReason } from './core/operation-estimate.ts';
export type { OperationStatus } from './core/operation.ts';
export type { Scope } from './core/scope.ts';
export type {
  WireAttempt,
  WireBatchCount,
  WireBatched,
  WireErrorGroups,
  WireEstimate,
  WireLogLine,
  WireOperation,
  WireOperationError,
  WireOperationPage,
  WireOperationWebhook,
  WireProgress,
} from './core/wire-operation.ts';
export type {
  WireFeedTick,
  WireQuantiles,
  WireTask,
  WireStats,
  WireStatsBucket,
  WireWhoami,
  WireWorker,
} from './core/wire-server.ts';
export type {
  WireCreatedEndpoint,
  WireDeadLetterGroups,
  WireDelivery,
  WireDeliveryAttempt,
  WireDeliveryPage,
  WireDeliveryRequest,
  WireEndpoint,
  WireEndpointHealth,
  WireEndpointPage,
  WireOperationEvent,
  WireRedriveCount,
  WireRotatedSecret,
  WireSecretList,
  WireTestEvent,
  WireWebhookEvent,
  WireTestedEndpoint,
} from './core/wire-webhook.ts';
