import { WaitingLine, type Queued } from './waiting-line.ts';
import type { CalibrationBucket } from './calibration.ts';
import type { Told } from './told.ts';

/** The first prediction made for an operation in a bucket, judged when the operation finishes. */
export type StoredPrediction = { readonly bucket: CalibrationBucket; readonly p90At: number };

export type EnteredStage = { readonly stage: string; readonly enteredAt: number };

const none: readonly never[] = [];

/** An operation that has not finished, as the estimator sees it. */
export type LiveOperation = Queued & {
  readonly submittedAt: number;
  /** Start of the first attempt. */
  startedAt: number | null;
  /** An attempt runs; false while the operation waits, also in a back-off. */
  holdsSlot: boolean;
  fraction: number | null;
  /**
   * Stages entered in this attempt, latest last. Replaced, never changed in place: most operations
   * have none and share `none`.
   */
  stages: readonly EnteredStage[];
  /** Likewise replaced, never changed in place. */
  predictions: readonly StoredPrediction[];
  /** What its clients were told; null: nothing yet. */
  told: Told | null;
};

/**
 * The queue as the events describe it: who waits, in which order, and who holds a slot. Events of
 * unknown operations are ignored: after a restart the owner reports the store's operations as
 * submitted and started again.
 */
export class LiveQueue {
  readonly #operations = new Map<string, LiveOperation>();
  readonly #running = new Set<LiveOperation>();
  readonly #line = new WaitingLine<LiveOperation>();
  readonly #taskLines = new Map<string, WaitingLine<LiveOperation>>();
  readonly #started = new Map<string, number>();
  #startedAll = 0;

  get(id: string): LiveOperation | undefined {
    return this.#operations.get(id);
  }

  /**
   * All operations, waiting and running. Those that come or go during the iteration may be included
   * or not.
   */
  ids(): IterableIterator<string> {
    return this.#operations.keys();
  }

  /** Operations that hold a slot. */
  get running(): ReadonlySet<LiveOperation> {
    return this.#running;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** The first `count` waiting operations, in the order of claims. */
  firstWaiting(count: number): LiveOperation[] {
    return this.#line.first(count);
  }

  ahead(operation: Queued): number {
    return this.#line.ahead(operation);
  }

  /** How many operations of its own task go before it. */
  aheadOfTask(operation: Queued): number {
    return this.#taskLines.get(operation.task)?.ahead(operation) ?? 0;
  }

  /** Attempts ever started, of all tasks or of one: these left the line from its front. */
  started(task?: string): number {
    return task === undefined ? this.#startedAll : (this.#started.get(task) ?? 0);
  }

  submit(p: Queued & { readonly at: number }): void {
    if (this.#operations.has(p.id)) return;
    const { id, task, key, priority, readyAt, at } = p;
    const operation: LiveOperation = {
      id,
      task,
      key,
      priority,
      readyAt,
      submittedAt: at,
      startedAt: null,
      holdsSlot: false,
      fraction: null,
      stages: none,
      predictions: none,
      told: null,
    };
    this.#operations.set(p.id, operation);
    this.#enter(operation);
  }

  start(id: string, at: number): void {
    const operation = this.#operations.get(id);
    if (operation === undefined || operation.holdsSlot) return;
    this.#leave(operation);
    operation.startedAt ??= at;
    operation.holdsSlot = true;
    this.#running.add(operation);
    this.#startedAll += 1;
    this.#started.set(operation.task, (this.#started.get(operation.task) ?? 0) + 1);
  }

  /** The attempt ended without ending the operation: it waits again, at least until `readyAt`. */
  backOff(id: string, readyAt: number): void {
    const operation = this.#operations.get(id);
    if (operation === undefined || !operation.holdsSlot) return;
    this.#running.delete(operation);
    // The line finds it by its order, which has changed: so it gets a new record under the same id.
    const waiting: LiveOperation = { ...operation, readyAt, holdsSlot: false, fraction: null };
    waiting.stages = none;
    this.#operations.set(id, waiting);
    this.#enter(waiting);
  }

  /** Forgets the operation and returns its last state. */
  remove(id: string): LiveOperation | undefined {
    const operation = this.#operations.get(id);
    if (operation === undefined) return undefined;
    this.#operations.delete(id);
    if (operation.holdsSlot) this.#running.delete(operation);
    else this.#leave(operation);
    return operation;
  }

  #enter(operation: LiveOperation): void {
    this.#line.add(operation);
    let line = this.#taskLines.get(operation.task);
    if (line === undefined) {
      line = new WaitingLine();
      this.#taskLines.set(operation.task, line);
    }
    line.add(operation);
  }

  #leave(operation: LiveOperation): void {
    this.#line.remove(operation);
    this.#taskLines.get(operation.task)?.remove(operation);
  }
}
