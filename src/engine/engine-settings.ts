import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { durationOption, expected, integerOption } from '../core/options.ts';
import type { Observer } from './activity.ts';
import type { EngineOptions, Tell } from './engine.ts';
import { isIsolateThread } from './isolate-thread-mark.ts';
import { silentLogger, type Logger } from './logger.ts';
import { unknownProcess, type NodeFacts } from './node.ts';
import { isOwnTask } from './own-tasks.ts';
import { systemClock } from './system-clock.ts';
import type { Task } from './task.ts';
import type { Clock } from '../core/clock.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';

/** EngineOptions, checked, with defaults filled in. */
export type EngineSettings = {
  readonly store: Store;
  /** The user's tasks, by name. */
  readonly tasks: ReadonlyMap<string, Task>;
  /** The user's tasks and Raincheck's own, by name. */
  readonly allTasks: ReadonlyMap<string, Task>;
  readonly outbox: Outbox | undefined;
  readonly tell: Tell;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly concurrency: number;
  readonly threads: number;
  readonly pendingMax: number;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly pollMs: number;
  readonly pollsPerSecond: number;
  readonly random: () => number;
  readonly node: NodeFacts;
  readonly observer: Observer | null;
  readonly workerReplaced: boolean;
};

/** Throws `invalid_option` for the first option that is wrong. */
export function engineSettings(options: EngineOptions): EngineSettings {
  refuseInIsolateThread();
  const concurrency = integerOption('concurrency', options.concurrency, {
    min: 1,
    max: limits.concurrencyMax,
    fallback: limits.concurrencyDefault,
  });
  const builtIn = options.builtInTasks ?? [];
  const tasks = taskMap(options.tasks, new Set(builtIn.map(({ name }) => name)));
  return {
    store: storeOption(options.store),
    tasks,
    allTasks: new Map([...tasks, ...builtIn.map((task) => [task.name, task] as const)]),
    outbox: options.outbox,
    tell: options.tell ?? (() => undefined),
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    concurrency,
    threads: integerOption('threads', options.threads, {
      min: 1,
      max: 1_000,
      fallback: Math.max(1, Math.min(concurrency, navigator.hardwareConcurrency)),
    }),
    pendingMax: integerOption('pendingMax', options.pendingMax, {
      min: 1,
      max: Number.MAX_SAFE_INTEGER,
      fallback: limits.pendingMaxDefault,
    }),
    leaseMs: durationOption('lease', options.lease, {
      minMs: limits.leaseMsMin,
      maxMs: limits.leaseMsMax,
      fallback: limits.leaseMsDefault,
    }),
    graceMs: durationOption('grace', options.grace, {
      minMs: 0,
      maxMs: 3_600_000,
      fallback: 5_000,
    }),
    pollMs: durationOption('poll', options.poll, { minMs: 10, maxMs: 60_000, fallback: 1_000 }),
    pollsPerSecond: integerOption('pollsPerSecond', options.pollsPerSecond, {
      min: 1,
      max: limits.pollsPerSecondMax,
      fallback: limits.pollsPerSecondDefault,
    }),
    random: options.random ?? Math.random,
    node: options.node ?? unknownProcess,
    observer: options.observer ?? null,
    workerReplaced: options.workerReplaced ?? false,
  };
}

function storeOption(store: unknown): Store {
  const given = typeof store === 'object' && store !== null && 'createOperations' in store;
  if (given) return store as Store;
  throw expected('store', 'an open store', store);
}

function taskMap(tasks: unknown, builtIn: ReadonlySet<string>): ReadonlyMap<string, Task> {
  if (!Array.isArray(tasks)) throw expected('tasks', 'an array of tasks', tasks);
  const byName = new Map<string, Task>();
  const byPath = new Map<string, Task>();
  for (const [i, task] of (tasks as Task[]).entries()) {
    if (typeof task?.name !== 'string' || typeof task.run !== 'function') {
      throw expected(`tasks[${i}]`, 'what defineTask() returns', task);
    }
    // Also refused where our own task is missing, such as the redrive without webhooks: one store
    // may hold operations of both.
    if (isOwnTask(task.name) || builtIn.has(task.name)) {
      throw new RaincheckError(
        'invalid_option',
        `The name \`${task.name}\` is one of Raincheck's own: choose another for your task.`,
      );
    }
    if (byName.has(task.name)) {
      throw new RaincheckError('invalid_option', `Two tasks have the name \`${task.name}\`.`);
    }
    const same = byPath.get(task.path);
    if (same !== undefined) {
      const both = `${same.name} and ${task.name}`;
      throw new RaincheckError('invalid_option', `Tasks ${both} have the same path ${task.path}.`);
    }
    byName.set(task.name, task);
    byPath.set(task.path, task);
  }
  return byName;
}

/**
 * The module of an isolated task is imported again in its thread; a second engine there would be a
 * bug.
 */
function refuseInIsolateThread(): void {
  if (!isIsolateThread()) return;
  throw new RaincheckError(
    'invalid_option',
    'This module starts Raincheck while it is imported in the worker thread of a task with `isolate`. ' +
      'Move defineTask() of that task to a module that does nothing but define tasks.',
  );
}
