import { RingWindow } from './ring-window.ts';
import { windowOf, windowState, type WindowState } from './service-times.ts';
import { estimatorSettings as settings } from './settings.ts';
import { countAtMost } from './sorted-window.ts';
import type { Told } from './told.ts';

/** How good the first estimates of a task's operations were, over the latest that finished. */
export type TaskAccuracy = {
  /** Number of operations judged, at most 256. */
  readonly samples: number;
  /** Share that finished by the first bound given to clients; 0.90 is the target. */
  readonly withinBound: number;
  /** Median of |first median estimate - end| over the time from that estimate to the end. */
  readonly errorMedian: number;
};

export type AccuracyState = Readonly<
  Record<string, { readonly errors: WindowState; readonly late: WindowState }>
>;

/** How the first estimate of one operation turned out. */
export type Outcome = { readonly error: number; readonly lateMs: number };

type TaskWindows = {
  readonly errors: RingWindow;
  /** How many ms after the bound the end came; 0: by the bound. */
  readonly late: RingWindow;
};

/** Judges the estimates that clients were given, by task. */
export class Accuracy {
  readonly #tasks = new Map<string, TaskWindows>();

  finished(task: string, { first, firstAt }: Told, finishedAt: number): Outcome {
    const took = Math.max(1, finishedAt - firstAt);
    const outcome = {
      error: Math.abs(first.p50At - finishedAt) / took,
      lateMs: Math.max(0, finishedAt - first.p90At),
    };
    this.add(task, outcome);
    return outcome;
  }

  add(task: string, { error, lateMs }: Outcome): void {
    let windows = this.#tasks.get(task);
    if (windows === undefined) {
      if (this.#tasks.size >= settings.tasksMax) return;
      const capacity = settings.accuracyWindow;
      windows = { errors: new RingWindow(capacity), late: new RingWindow(capacity) };
      this.#tasks.set(task, windows);
    }
    windows.errors.push(error);
    windows.late.push(lateMs);
  }

  /** null: no operation of the task that finished had an estimate. */
  of(task: string): TaskAccuracy | null {
    const windows = this.#tasks.get(task);
    if (windows === undefined || windows.errors.count === 0) return null;
    const { errors, late } = windows;
    return {
      samples: errors.count,
      withinBound: countAtMost(late, 0) / late.count,
      errorMedian: errors.sorted[(errors.count - 1) >> 1] ?? 0,
    };
  }

  exportTasks(): AccuracyState {
    return Object.fromEntries(
      [...this.#tasks].map(([task, { errors, late }]) => [
        task,
        { errors: windowState(errors), late: windowState(late) },
      ]),
    );
  }

  importTasks(state: AccuracyState): void {
    this.#tasks.clear();
    const capacity = settings.accuracyWindow;
    for (const [task, { errors, late }] of Object.entries(state).slice(0, settings.tasksMax)) {
      const windows = { errors: windowOf(capacity, errors), late: windowOf(capacity, late) };
      this.#tasks.set(task, windows);
    }
  }
}
