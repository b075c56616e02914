/** Everything a program that defines tasks or runs Raincheck needs. The client is `raincheck/client`. */
export { parseDuration, type Duration } from './core/duration.ts';
export { RaincheckError, TaskError, type ErrorCode, type FieldError } from './core/errors.ts';
export type { ProgressReport } from './core/progress.ts';
export type { WireOperation, WireProblem, WireTask } from './core/wire.ts';
export { defineTask } from './engine/define-task.ts';
export type { Engine } from './engine/engine.ts';
export { file, type FileResult } from './engine/file.ts';
export { isIsolateThread } from './engine/isolate-thread-mark.ts';
export type { Logger } from './engine/logger.ts';
export type { Task, TaskContext, TaskOptions } from './engine/task.ts';
export { defineConfig, type ServerConfig } from './server/define-config.ts';
export { raincheck, type Raincheck, type RaincheckOptions } from './server/raincheck.ts';
export type { Store } from './store/store.ts';
