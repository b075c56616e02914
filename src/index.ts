/**
 * The main entry: everything that a program needs to define tasks and to run Raincheck. The client
 * is in `raincheck/client`, the parts for a store of your own in `raincheck/store`, and the parts
 * for tests in `raincheck/testing`.
 */
// oxlint-disable-next-line no-unassigned-import -- for what it does, and first
import './server/required-node.ts';

export type { Clock } from './core/clock.ts';
export { parseDuration, type Duration } from './core/duration.ts';
export { RaincheckError, TaskError, type ErrorCode, type FieldError } from './core/errors.ts';
export type { OperationStatus } from './core/operation.ts';
export type { InputMask } from './core/input-mask.ts';
export type { ProgressReport } from './core/progress.ts';
export type { RetryPolicy } from './core/retry.ts';
export type { Scope } from './core/scope.ts';
export type { WireOperation, WireOperationPage } from './core/wire-operation.ts';
export type { WireProblem, WireTask, WireTaskList } from './core/wire-server.ts';
export { defineTask } from './engine/define-task.ts';
export { file, type FileContent, type FileResult } from './engine/file.ts';
export { isIsolateThread } from './engine/isolate-thread-mark.ts';
export type { Logger } from './engine/logger.ts';
export type { SchemaInput, SchemaOutput, StandardSchema } from './engine/standard-schema.ts';
export type { HandlerLog, Task, TaskContext, TaskOptions } from './engine/task.ts';
export type { AccessToken } from './http/access.ts';
export type { App } from './http/app.ts';
export type { ExchangeReply, ExchangeRequest } from './http/exchange.ts';
export { accept, type AcceptHandler } from './server/accept.ts';
export { defineConfig, type ServerConfig } from './server/define-config.ts';
export { fastifyRaincheck } from './server/fastify.ts';
export type { LogFormat, LogLevel } from './server/logger.ts';
export type { RaincheckOptions } from './server/raincheck-options.ts';
export { raincheck, type Raincheck } from './server/raincheck.ts';
export type { Role } from './server/setting-table.ts';
export type { Store } from './store/store.ts';
export type { WebhookSettings } from './webhooks/webhook-settings.ts';
