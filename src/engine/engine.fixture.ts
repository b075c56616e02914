import type { TestContext } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Operation } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';
import type { Engine, EngineOptions, Submission } from './engine.ts';
import type { Logger } from './logger.ts';
import type { Task } from './task.ts';

/** The tools that the engine's tests share. */
export type LogLine = { level: keyof Logger; fields: Record<string, unknown>; message: string };

export function collectingLogger(): { logger: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const line = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, fields: { ...fields }, message });
  };
  const logger = {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
  };
  return { logger, lines };
}

export type Fixture = {
  readonly engine: Engine;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  /** Submits `value` to the task (default: the first). */
  submit(value?: unknown, options?: Partial<Submission>): Promise<Operation>;
  /** The operation once it is final; does not move the clock. */
  final(id: string): Promise<Operation>;
  read(id: string): Promise<Operation>;
};

/** An engine over a memory store with a clock that stands still; stopped when the test ends. */
export async function engineFixture(
  t: TestContext,
  tasks: readonly Task[],
  p: Partial<EngineOptions> & { start?: boolean } = {},
): Promise<Fixture> {
  const { start = true, ...options } = p;
  const clock = (options.clock as ManualClock | undefined) ?? new ManualClock();
  const store = options.store ?? memoryStore();
  const { logger, lines } = collectingLogger();
  const engine = createEngine({ store, clock, logger, tasks, random: () => 0.5, ...options });
  t.after(() => engine.stop({ now: true }));
  if (start) await engine.start();
  const read = (id: string) => engine.read({ id, tenant: '' });
  return {
    engine,
    store,
    clock,
    lines,
    read,
    async submit(value = null, more = {}) {
      const input = { value, text: JSON.stringify(value) };
      const task = tasks[0]?.name ?? '';
      return (await engine.submit({ task, tenant: '', input, ...more })).operation;
    },
    final: (id) =>
      engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 3_600_000 }),
  };
}

/** A promise with its resolve and reject: tests wait for it instead of sleeping. */
export function gate<T = void>(): {
  readonly promise: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
} {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, open: resolve, fail: reject };
}

/** A handler that waits for its signal and throws the reason, as a well-behaved one does. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
