import { FadingWindow } from './fading-window.ts';
import { quantile } from './quantile.ts';
import { RingWindow } from './ring-window.ts';
import { estimatorSettings as settings } from './settings.ts';

/**
 * How long finished operations took from the start of their first attempt to their end, attempts
 * and back-offs included: a window for each task, and one pooled over all tasks for those with
 * hardly any finished operations.
 */
export class ServiceTimes {
  #pooled = new RingWindow(settings.pooledWindow);
  readonly #tasks = new Map<string, FadingWindow>();

  add(task: string, serviceMs: number): void {
    this.#pooled.push(serviceMs);
    let window = this.#tasks.get(task);
    if (window === undefined) {
      if (this.#tasks.size >= settings.tasksMax) return;
      window = new FadingWindow();
      this.#tasks.set(task, window);
    }
    window.push(serviceMs);
  }

  /** Operations of the task that ever finished, forgotten ones included. */
  finished(task: string): number {
    return this.#tasks.get(task)?.total ?? 0;
  }

  /** The task's own window; null while it holds too few values to draw from. */
  own(task: string): FadingWindow | null {
    const window = this.#tasks.get(task);
    return window !== undefined && window.count >= settings.taskSamplesMin ? window : null;
  }

  /** The window of all tasks; null while it holds too few values. */
  pooled(): RingWindow | null {
    return this.#pooled.count >= settings.pooledSamplesMin ? this.#pooled : null;
  }

  /** The median of all remembered times; 0 when there are none. */
  pooledMedianMs(): number {
    const { sorted, count } = this.#pooled;
    return sorted[count >> 1] ?? 0;
  }

  /** Quantiles of the latest times of a task; null while it has too few. */
  quantiles(task: string, qs: readonly number[]): number[] | null {
    const window = this.own(task);
    if (window === null) return null;
    const sorted = window.sorted.subarray(0, window.count);
    return qs.map((q) => quantile(sorted, q));
  }

  exportWindows(): { pooled: WindowState; tasks: Record<string, WindowState> } {
    const tasks = [...this.#tasks].map(([task, window]) => [task, windowState(window)] as const);
    return { pooled: windowState(this.#pooled), tasks: Object.fromEntries(tasks) };
  }

  importWindows(state: {
    readonly pooled: WindowState;
    readonly tasks: Readonly<Record<string, WindowState>>;
  }): void {
    this.#pooled = windowOf(settings.pooledWindow, state.pooled);
    this.#tasks.clear();
    for (const [task, window] of Object.entries(state.tasks).slice(0, settings.tasksMax)) {
      this.#tasks.set(task, new FadingWindow(windowOf(settings.taskWindow, window)));
    }
  }
}

/** A window as plain data: its values, oldest first, and how many there ever were. */
export type WindowState = { readonly values: readonly number[]; readonly total: number };

export function windowState(window: RingWindow | FadingWindow): WindowState {
  return { values: window.values(), total: window.total };
}

export function windowOf(capacity: number, state: WindowState): RingWindow {
  return RingWindow.of({ capacity, values: state.values, total: state.total });
}
