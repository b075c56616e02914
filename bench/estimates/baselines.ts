import { RingWindow } from '../../src/core/estimator/ring-window.ts';
import type { Predictor } from './replay.ts';
import type { Course } from './virtual-queue.ts';

/**
 * Estimates as other programs show them, for comparison. Their bounds are the simplest ones that
 * could be added: 1.28 standard deviations, or the largest of three.
 */

/** The mean of all times from submit to end so far, whatever the task and the queue. */
export function naiveMean(): Predictor {
  let count = 0;
  let sum = 0;
  let squares = 0;
  return {
    ...deaf,
    finished: ({ submitAt, finishAt }) => {
      count += 1;
      sum += finishAt - submitAt;
      squares += (finishAt - submitAt) ** 2;
    },
    predict: ({ submitAt }, at) => {
      if (count < 2) return null;
      const mean = sum / count;
      const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean));
      return notBefore(at, submitAt + mean, submitAt + mean + 1.28 * deviation);
    },
  };
}

/**
 * The mean of the task's last three, counted from the submit and without the queue, as Jenkins does
 * it.
 */
export function lastThree(): Predictor {
  const windows = new TaskWindows(3);
  return {
    ...deaf,
    finished: (course) => windows.add(course),
    predict: ({ task, submitAt }, at) => {
      const window = windows.of(task);
      if (window.count === 0) return null;
      return notBefore(at, submitAt + momentsOf(window).mean, submitAt + window.largest);
    },
  };
}

/**
 * The position in the queue times the mean service time over the workers, plus the mean of the
 * task.
 */
export function positionTimesMean(workers: number): Predictor {
  const windows = new TaskWindows(64);
  const all = new RingWindow(512);
  const waiting = new Set<number>();
  return {
    submitted: ({ row }) => void waiting.add(row),
    started: ({ row }) => void waiting.delete(row),
    finished: (course) => {
      windows.add(course);
      all.push(course.serviceMs);
    },
    predict: ({ row, task, startAt }, at) => {
      const window = windows.of(task);
      if (window.count < 2) return null;
      const own = momentsOf(window);
      const pooled = momentsOf(all);
      const waits = waiting.has(row);
      // First come, first served: rows wait in their order, which is the order of the set.
      const position = waits ? rankIn(waiting, row) + 1 : 0;
      const middle = (waits ? at : startAt) + (position / workers) * pooled.mean + own.mean;
      const variance = own.variance + (position / workers / workers) * pooled.variance;
      return notBefore(at, middle, middle + 1.28 * Math.sqrt(variance));
    },
  };
}

const deaf = { submitted: () => undefined, started: () => undefined };

function rankIn(rows: ReadonlySet<number>, row: number): number {
  let rank = 0;
  for (const other of rows) {
    if (other === row) break;
    rank += 1;
  }
  return rank;
}

function notBefore(at: number, p50At: number, p90At: number): { p50At: number; p90At: number } {
  const p50 = Math.max(at, Math.round(p50At));
  return { p50At: p50, p90At: Math.max(p50, Math.round(p90At)) };
}

class TaskWindows {
  readonly #capacity: number;
  readonly #windows = new Map<string, RingWindow>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  of(task: string): RingWindow {
    const window = this.#windows.get(task) ?? new RingWindow(this.#capacity);
    this.#windows.set(task, window);
    return window;
  }

  add({ task, serviceMs }: Course): void {
    this.of(task).push(serviceMs);
  }
}

function momentsOf({ sorted, count }: RingWindow): { mean: number; variance: number } {
  let sum = 0;
  let squares = 0;
  for (const value of sorted.subarray(0, count)) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / Math.max(1, count);
  return { mean, variance: Math.max(0, squares / Math.max(1, count) - mean * mean) };
}
