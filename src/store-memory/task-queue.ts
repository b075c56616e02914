import { isPast } from '../core/transitions.ts';
import { limits } from '../core/limits.ts';
import { claimedBefore, type Operation } from '../core/operation.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { ClaimTask, TaskRecord } from '../store/store.ts';
import { Heap } from './heap.ts';

/** Returns the present record of an operation, by id. */
type Current = (id: string) => Operation | undefined;

type KeySlots = { running: number; parked: number; readonly queue: Heap<Operation> };

/**
 * One task's counters and lists. Whoever changes the record of an operation must call `replaced`.
 */
export class TaskQueue {
  readonly task: string;
  paused = false;
  #pending = 0;
  #processing = 0;
  #completed = 0;
  #failed = 0;
  #meanDurationMs: number | null = null;

  readonly #isLive: (operation: Operation) => boolean;
  readonly #ready: Heap<Operation>;
  readonly #dueFirst: Heap<Operation>;
  /** The far end of the schedule: an instant too far ahead counts as past (isPast). */
  readonly #dueLast: Heap<Operation>;
  /**
   * Ready and parked operations, the longest ready first. An entry stands for its id and readyAt,
   * whatever else has changed since.
   */
  readonly #oldest: Heap<Operation>;
  readonly #keys = new Map<string, KeySlots>();
  /** Keys with parked operations: no more than there are keys whose slots are all taken. */
  readonly #parkedKeys = new Set<string>();

  constructor(task: string, current: Current) {
    this.task = task;
    this.#isLive = (operation) => current(operation.id) === operation;
    this.#ready = new Heap(claimedBefore, this.#isLive);
    this.#dueFirst = new Heap((a, b) => a.readyAt < b.readyAt, this.#isLive);
    this.#dueLast = new Heap((a, b) => a.readyAt > b.readyAt, this.#isLive);
    this.#oldest = new Heap<Operation>(
      (a, b) => a.readyAt < b.readyAt,
      ({ id, readyAt }) => {
        const now = current(id);
        return now !== undefined && waits(now) && now.readyAt === readyAt;
      },
    );
  }

  get pending(): number {
    return this.#pending;
  }

  get processing(): number {
    return this.#processing;
  }

  /**
   * `before` null: the operation is new. `after` null: it was removed. Removing a final record does
   * not change the counters.
   */
  replaced(before: Operation | null, after: Operation | null): void {
    if (before !== null) this.#leave(before);
    if (after === null) return;
    this.#enter(after);
    if (waits(after) && !waits(before)) this.#oldest.push(after);
  }

  #leave(before: Operation): void {
    switch (before.state) {
      case 'scheduled':
      case 'ready':
        this.#pending -= 1;
        break;
      case 'parked':
        this.#pending -= 1;
        this.#countKey(before, 'parked', -1);
        break;
      case 'running':
        this.#processing -= 1;
        this.#countKey(before, 'running', -1);
        break;
      case 'completed':
      case 'failed':
    }
  }

  #enter(after: Operation): void {
    switch (after.state) {
      case 'scheduled':
        this.#pending += 1;
        this.#dueFirst.push(after);
        this.#dueLast.push(after);
        break;
      case 'ready':
        this.#pending += 1;
        this.#ready.push(after);
        break;
      case 'parked':
        this.#pending += 1;
        this.#countKey(after, 'parked', 1)?.queue.push(after);
        break;
      case 'running':
        this.#processing += 1;
        this.#countKey(after, 'running', 1);
        break;
      case 'completed': {
        const tookMs = (after.finishedAt ?? 0) - (after.attemptStartedAt ?? 0);
        this.#meanDurationMs = meanDurationMs(this.#meanDurationMs, this.#completed, tookMs);
        this.#completed += 1;
        break;
      }
      case 'failed':
        this.#failed += 1;
    }
  }

  #countKey(operation: Operation, what: 'running' | 'parked', by: 1 | -1): KeySlots | undefined {
    const key = operation.concurrencyKey;
    if (key === null) return undefined;
    let slots = this.#keys.get(key);
    if (slots === undefined) {
      slots = { running: 0, parked: 0, queue: new Heap(claimedBefore, this.#isLive) };
      this.#keys.set(key, slots);
    }
    slots[what] += by;
    if (slots.parked > 0) this.#parkedKeys.add(key);
    else this.#parkedKeys.delete(key);
    if (slots.running === 0 && slots.parked === 0) this.#keys.delete(key);
    return slots;
  }

  firstReady(): Operation | undefined {
    return this.#ready.peek();
  }

  firstParked(key: string): Operation | undefined {
    return this.#keys.get(key)?.queue.peek();
  }

  /** A scheduled operation that is due at `now`. */
  firstDue(now: number): Operation | undefined {
    for (const operation of [this.#dueFirst.peek(), this.#dueLast.peek()]) {
      if (operation !== undefined && isPast(operation.readyAt, now, limits.delayMsMax)) {
        return operation;
      }
    }
  }

  nextDueAt(): number | null {
    return this.#dueFirst.peek()?.readyAt ?? null;
  }

  freeKeySlots(key: string, keyConcurrency: number | null): number {
    if (keyConcurrency === null) return Infinity;
    return keyConcurrency - (this.#keys.get(key)?.running ?? 0);
  }

  /** The keys that have parked operations, copied. */
  parkedKeys(): string[] {
    return [...this.#parkedKeys];
  }

  record(): TaskRecord {
    return {
      task: this.task,
      paused: this.paused,
      pending: this.#pending,
      processing: this.#processing,
      completed: this.#completed,
      failed: this.#failed,
      oldestPendingAt: this.#oldest.peek()?.readyAt ?? null,
      meanDurationMs: this.#meanDurationMs,
    };
  }
}

function waits(operation: Operation | null): boolean {
  return operation?.state === 'ready' || operation?.state === 'parked';
}

/** Whether the task is below its own limit. */
export function hasSlot(queue: TaskQueue, task: ClaimTask): boolean {
  return task.concurrency === null || queue.processing < task.concurrency;
}

type Candidate = { queue: TaskQueue; task: ClaimTask; operation: Operation };

/** Linear in the tasks of one worker, which are few. */
export function bestOf(
  open: readonly { queue: TaskQueue; task: ClaimTask }[],
): Candidate | undefined {
  let best: Candidate | undefined;
  for (const { queue, task } of open) {
    if (!hasSlot(queue, task)) continue;
    const operation = queue.firstReady();
    if (operation === undefined) continue;
    if (best === undefined || claimedBefore(operation, best.operation)) {
      best = { queue, task, operation };
    }
  }
  return best;
}
