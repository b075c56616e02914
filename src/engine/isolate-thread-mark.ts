import type { Task } from './task.ts';

/**
 * Lets code find out that it is being imported inside the worker thread of an isolated task. Kept
 * on globalThis, since the thread's entry and the user's module may load two copies of this
 * package.
 */
const mark = Symbol.for('raincheck.isolateThread');
type Marked = { [mark]?: Map<string, Task> };

/** True in the worker thread of a task with `isolate`: modules there define tasks and do nothing else. */
export function isIsolateThread(): boolean {
  return isolateTasks() !== null;
}

/** The tasks defined so far in this isolate thread; null outside of one. */
export function isolateTasks(): Map<string, Task> | null {
  return (globalThis as Marked)[mark] ?? null;
}

export function markIsolateThread(): Map<string, Task> {
  return ((globalThis as Marked)[mark] ??= new Map());
}
