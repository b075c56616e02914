import { IndexHeap } from '../../src/core/estimator/index-heap.ts';
import type { TraceOperation } from './trace.ts';

/** The course of an operation through the queue. */
export type Course = TraceOperation & {
  /** Ids sort in the order of the rows. */
  readonly id: string;
  readonly row: number;
  readonly startAt: number;
  readonly finishAt: number;
};

/** Serves the trace first come, first served, by `workers` that are always available. */
export function coursesOf(trace: readonly TraceOperation[], workers: number): Course[] {
  const free = new IndexHeap();
  for (let worker = 0; worker < workers; worker += 1) free.push(0, worker);
  return trace.map((operation, row) => {
    const startAt = Math.max(operation.submitAt, free.topKey);
    const finishAt = startAt + operation.serviceMs;
    free.push(finishAt, free.pop());
    return { ...operation, id: String(row).padStart(7, '0'), row, startAt, finishAt };
  });
}
