import { isFinal, type EndedAttempt, type Operation } from '../core/operation.ts';
import { decide, type Decision, type OperationEvent } from '../core/transitions.ts';
import { Expiring } from './expiring.ts';
import { Heap } from './heap.ts';
import type { LogBook } from './log-book.ts';
import { OperationIndex } from './operation-index.ts';
import { TaskQueue } from './task-queue.ts';

/** Everything that is kept of one operation. */
export type Entry = {
  operation: Operation;
  readonly input: string;
  readonly attempts: EndedAttempt[];
  body: Uint8Array | null;
};

/**
 * The operations with their attempts, and the indexes derived from them: queues, slots, waits and
 * expiries.
 */
export class OperationBook {
  readonly #entries = new Map<string, Entry>();
  readonly index = new OperationIndex(this.#entries);
  readonly #queues = new Map<string, TaskQueue>();
  readonly #running = new Set<string>();
  readonly #waiting = new Heap<Operation>(
    (a, b) => waitsUntil(a) < waitsUntil(b),
    (operation) => this.current(operation.id) === operation,
  );
  readonly #expiries = new Expiring<null>();
  readonly #gone = new Expiring<null>();
  readonly #logs: LogBook;
  #pending = 0;

  constructor(logs: LogBook) {
    this.#logs = logs;
  }

  /** Pending operations over all tasks. */
  get pending(): number {
    return this.#pending;
  }

  entry(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  current(id: string): Operation | undefined {
    return this.#entries.get(id)?.operation;
  }

  /** Ids of the running operations. */
  running(): Iterable<string> {
    return this.#running;
  }

  /** The first of the operations that have waited too long by `now`. */
  firstOverdue(now: number): Operation | undefined {
    const waiting = this.#waiting.peek();
    return waiting === undefined || waitsUntil(waiting) > now ? undefined : waiting;
  }

  /** The queue of a task that ever had an operation or was paused. */
  knownQueue(task: string): TaskQueue | undefined {
    return this.#queues.get(task);
  }

  queue(task: string): TaskQueue {
    let queue = this.#queues.get(task);
    if (queue === undefined) {
      queue = new TaskQueue(task, (id) => this.current(id));
      this.#queues.set(task, queue);
    }
    return queue;
  }

  /** All queues, ordered by the name of their task. */
  queues(): TaskQueue[] {
    return [...this.#queues.keys()].sort().map((name) => this.queue(name));
  }

  add(operation: Operation, input: string): void {
    const entry: Entry = { operation, input, attempts: [], body: null };
    this.#entries.set(operation.id, entry);
    this.index.add(operation.id);
    this.#replace(entry, null, operation);
  }

  /** undefined: there is no such operation. */
  apply(id: string, event: OperationEvent, now: number): Decision | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const before = entry.operation;
    const decision = decide(before, event, now);
    if (decision.outcome !== 'applied') return decision;
    if (decision.ended !== null) entry.attempts.push(Object.freeze(decision.ended));
    this.#replace(entry, before, decision.operation);
    return decision;
  }

  /** Makes the best parked operation of a key ready; false: none is parked. */
  unparkFirst(queue: TaskQueue, key: string): boolean {
    const parked = queue.firstParked(key);
    if (parked === undefined) return false;
    this.apply(parked.id, { type: 'unparked' }, 0);
    return true;
  }

  remove(operation: Operation, goneUntil: number): void {
    this.#entries.delete(operation.id);
    this.#expiries.delete(operation.id);
    this.#logs.remove(operation.id);
    this.queue(operation.task).replaced(operation, null);
    this.#gone.set(operation.id, null, goneUntil);
  }

  /** Whether the operation was here and is still remembered. */
  isGone(id: string): boolean {
    return this.#gone.get(id) !== undefined;
  }

  /** Removes what has expired, at most `limit` of each kind; returns how many. */
  prune(now: number, limit: number): { readonly operations: number; readonly goneIds: number } {
    const goneIds = this.#gone.takeExpired(now, limit).length;
    const expired = this.#expiries.takeExpired(now, limit);
    for (const id of expired) {
      const operation = this.current(id);
      if (operation === undefined) continue;
      this.remove(operation, (operation.expiresAt ?? now) + operation.retentionMs);
    }
    return { operations: expired.length, goneIds };
  }

  /** The only place where a record changes: it keeps all indexes in step. */
  #replace(entry: Entry, before: Operation | null, after: Operation): void {
    Object.freeze(after.lease);
    Object.freeze(after.error);
    entry.operation = Object.freeze(after);
    const queue = this.queue(after.task);
    this.#pending -= queue.pending;
    queue.replaced(before, after);
    this.#pending += queue.pending;
    if (after.state === 'running') this.#running.add(after.id);
    else if (isFinal(after.state)) this.#expiries.set(after.id, null, after.expiresAt ?? Infinity);
    else if (waitsUntil(after) !== Infinity) this.#waiting.push(after);
    if (before?.state === 'running' && after.state !== 'running') {
      this.#running.delete(after.id);
      if (after.concurrencyKey !== null) this.unparkFirst(queue, after.concurrencyKey);
    }
  }
}

/** When the operation fails if it still waits; Infinity: never. */
function waitsUntil(operation: Operation): number {
  return Math.min(operation.waitUntil ?? Infinity, operation.deadlineAt ?? Infinity);
}
