import { IndexHeap } from '../../src/core/estimator/index-heap.ts';
import type { Course } from './virtual-queue.ts';

/** Makes predictions and is told of events as they happen. Instants in ms. */
export type Predictor = {
  submitted(course: Course): void;
  started(course: Course): void;
  finished(course: Course): void;
  /** null: no prediction is possible. */
  predict(course: Course, at: number): { readonly p50At: number; readonly p90At: number } | null;
};

/** Ms until the next poll, after `polls` polls. */
export type Poller = (course: Course, at: number, polls: number) => number;

export type Prediction = {
  readonly row: number;
  readonly at: number;
  readonly p50At: number;
  readonly p90At: number;
};

export type Replayed = {
  readonly predictions: readonly Prediction[];
  /** By row, including the poll that found the end. */
  readonly polls: readonly (readonly number[])[];
};

/** Events of the same instant happen in this order. */
const kinds = ['finish', 'submit', 'start', 'probe', 'poll'] as const;

/**
 * Plays courses in virtual time. Predictions are asked for at the submit, at the start if the
 * operation had to wait, and at submit + a0 * 2^k until it ends, where a0 = max(1 s, median service
 * / 4).
 */
export function replay(
  courses: readonly Course[],
  predictor: Predictor,
  poller: Poller | null,
): Replayed {
  const firstProbeMs = Math.max(1000, medianServiceMs(courses) / 4);
  const events = new EventQueue();
  for (const { row, submitAt, startAt, finishAt } of courses) {
    events.push(submitAt, 'submit', row);
    events.push(startAt, 'start', row);
    events.push(finishAt, 'finish', row);
    events.push(submitAt, 'probe', row);
    if (startAt > submitAt) events.push(startAt, 'probe', row);
    for (let ms = firstProbeMs; submitAt + ms < finishAt; ms *= 2) {
      events.push(Math.round(submitAt + ms), 'probe', row);
    }
  }
  const predictions: Prediction[] = [];
  const polls: number[][] = courses.map(() => []);
  for (let event = events.pop(); event !== null; event = events.pop()) {
    const { at, kind, row } = event;
    const course = courses[row] as Course;
    const made = polls[row] as number[];
    switch (kind) {
      case 'submit':
        predictor.submitted(course);
        if (poller !== null) events.push(at, 'poll', row);
        break;
      case 'start':
        predictor.started(course);
        break;
      case 'finish':
        predictor.finished(course);
        break;
      case 'probe': {
        const predicted = at < course.finishAt ? predictor.predict(course, at) : null;
        if (predicted !== null) predictions.push({ row, at, ...predicted });
        break;
      }
      case 'poll': {
        // The 202 itself says when to poll first, so it does not count as a poll.
        if (at > course.submitAt) made.push(at);
        if (at >= course.finishAt && at > course.submitAt) break;
        const wait = poller?.(course, at, made.length) ?? Infinity;
        events.push(at + Math.max(1, Math.round(wait)), 'poll', row);
      }
    }
  }
  return { predictions, polls };
}

export function medianServiceMs(courses: readonly Course[]): number {
  const sorted = courses.map(({ serviceMs }) => serviceMs).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Events ordered by instant, then by kind in the order above, then by row. */
class EventQueue {
  readonly #heap = new IndexHeap();
  readonly #instants: number[] = [];
  readonly #rows: number[] = [];

  push(at: number, kind: (typeof kinds)[number], row: number): void {
    const index = kinds.indexOf(kind);
    // Whole ms times 5 kinds are exact in a double for 50,000 years.
    this.#heap.push(at * kinds.length + index, this.#instants.length);
    this.#instants.push(at);
    this.#rows.push(row);
  }

  pop(): { at: number; kind: (typeof kinds)[number]; row: number } | null {
    const key = this.#heap.topKey;
    const item = this.#heap.pop();
    if (item === -1) return null;
    const at = this.#instants[item] as number;
    const kind = kinds[Math.round(key - at * kinds.length)] as (typeof kinds)[number];
    return { at, kind, row: this.#rows[item] as number };
  }
}
