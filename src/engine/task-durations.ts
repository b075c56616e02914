import type { Clock } from '../core/clock.ts';
import { expectedDuration, type ExpectedDuration } from '../core/estimate.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { Store } from '../store/store.ts';
import type { Task } from './task.ts';

/** Other processes' completions are seen after at most this long. */
const refreshMs = 30_000;

/**
 * What an operation of each task takes: the store's mean, kept current between two reads of it by the
 * completions of this process. Asking is sync and does no I/O, since every status answer asks.
 */
export class TaskDurations {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #known = new Map<string, { mean: number | null; samples: number }>();
  #refreshAt = -Infinity;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  expected(task: Task): ExpectedDuration | null {
    if (this.#clock.now() >= this.#refreshAt) void this.refresh().catch(() => undefined);
    const known = this.#known.get(task.name);
    return expectedDuration({
      declaredMs: task.expectedDurationMs,
      meanMs: known?.mean ?? null,
      samples: known?.samples ?? 0,
    });
  }

  completed(task: string, durationMs: number): void {
    const known = this.#known.get(task);
    if (known === undefined) {
      this.#known.set(task, { mean: durationMs, samples: 1 });
      return;
    }
    known.mean = meanDurationMs(known.mean, known.samples, durationMs);
    known.samples += 1;
  }

  async refresh(): Promise<void> {
    this.#refreshAt = this.#clock.now() + refreshMs;
    for (const record of await this.#store.readTasks()) {
      this.#known.set(record.task, { mean: record.meanDurationMs, samples: record.completed });
    }
  }
}
