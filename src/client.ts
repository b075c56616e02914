export {
  createClient,
  type Client,
  type ListFilter,
  type RunOptions,
  type SubmitOptions,
} from './client/client.ts';
export type { OperationEvent } from './client/events.ts';
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
export type { RetryNotice, TransportOptions as ClientOptions } from './client/transport.ts';
export type { OperationStatus } from './core/operation.ts';
export type {
  WireAttempt,
  WireEstimate,
  WireOperation,
  WireOperationError,
  WireOperationPage,
  WireProgress,
  WireTask,
} from './core/wire.ts';
