import { limits } from '../core/limits.ts';
import { isFinal, type EndedAttempt, type Operation } from '../core/operation.ts';
import { decide, type Decision, type OperationEvent } from '../core/transitions.ts';
import type { Outbox } from '../store/delivery-store.ts';
import { newOperation } from '../store/new-operation.ts';
import type {
  CancelOutcome,
  ClaimAtAccept,
  ClaimedOperation,
  ClaimOperations,
  ClaimOutcome,
  ClaimTask,
  CreateOperations,
  CreateOutcome,
  ExtendLeases,
  ExtendOutcome,
  ListOperations,
  NewOperation,
  OperationPage,
  PruneOutcome,
  SettleAttempts,
  Settlement,
  SettleOutcome,
  OperationStore,
  Store,
  StoredLine,
  SweepExpired,
  SweepOutcome,
  TaskRecord,
} from '../store/store.ts';
import { DeliveryBook } from './delivery-book.ts';
import { deliveryVerbs } from './delivery-verbs.ts';
import { Expiring } from './expiring.ts';
import { frozenCopy } from './frozen-copy.ts';
import { Heap } from './heap.ts';
import { lineOf } from './line.ts';
import { LogBook } from './log-book.ts';
import { logVerbs } from './log-verbs.ts';
import { noteVerbs, type NoteVerbs } from './note-verbs.ts';
import { OperationIndex } from './operation-index.ts';
import { OpenState } from './open-state.ts';
import { bestOf, hasSlot, TaskQueue } from './task-queue.ts';

/**
 * A store without a file: `memory:` at runtime, and the model the other stores are held to in tests.
 * Every verb does all its work before it returns its promise, so each is one commit by nature. Records
 * are frozen: what is handed out cannot change what is kept.
 */
export function memoryStore(): Store {
  const deliveries = new DeliveryBook();
  const open = new OpenState();
  const requireOpen = (): void => open.require();
  const logs = new LogBook();
  const operations = new MemoryStore({ deliveries, logs, open });
  const verbs = { ...deliveryVerbs(deliveries, requireOpen), ...noteVerbs(requireOpen) };
  return Object.assign(
    operations,
    verbs,
    logVerbs(logs, open, (id) => operations.current(id)),
  );
}

/** All that is kept of one operation. */
type Entry = {
  operation: Operation;
  readonly input: string;
  readonly attempts: EndedAttempt[];
  body: Uint8Array | null;
};

type UsedKey = { readonly fingerprint: string; readonly operationId: string };

class MemoryStore implements Omit<OperationStore, keyof NoteVerbs | 'appendLogs' | 'readLogs'> {
  readonly name = 'memory';
  readonly capabilities = { singleProcess: true, durable: false, claimsAtAccept: true } as const;
  readonly #entries = new Map<string, Entry>();
  readonly #index = new OperationIndex(this.#entries);
  readonly #queues = new Map<string, TaskQueue>();
  readonly #running = new Set<string>();
  readonly #waiting = new Heap<Operation>(
    (a, b) => waitsUntil(a) < waitsUntil(b),
    (operation) => this.current(operation.id) === operation,
  );
  readonly #usedKeys = new Expiring<UsedKey>();
  readonly #expiries = new Expiring<null>();
  readonly #gone = new Expiring<null>();
  readonly #deliveries: DeliveryBook;
  readonly #logs: LogBook;
  readonly #open: OpenState;
  #pending = 0;

  constructor(p: { deliveries: DeliveryBook; logs: LogBook; open: OpenState }) {
    this.#deliveries = p.deliveries;
    this.#logs = p.logs;
    this.#open = p.open;
  }

  async createOperations(p: CreateOperations): Promise<CreateOutcome[]> {
    this.#open.require();
    const ids = new Set<string>();
    for (const { id } of p.operations) {
      if (ids.has(id) || this.#entries.has(id)) throw new Error(`A second operation ${id}.`);
      ids.add(id);
    }
    return p.operations.map((operation) => this.#create(operation, p));
  }

  #create(p: NewOperation, { pendingMax, claim, now }: CreateOperations): CreateOutcome {
    const key = p.idempotency;
    const keyName = key === null ? '' : JSON.stringify([key.scope, key.key]);
    const used = key === null ? undefined : this.#usedKeys.get(keyName);
    if (used !== undefined && used.expiresAt > now) {
      if (used.value.fingerprint !== key?.fingerprint) return { outcome: 'key_reused' };
      const { operationId } = used.value;
      const operation = this.current(operationId);
      return operation === undefined
        ? { outcome: 'replayed_gone', operationId }
        : { outcome: 'replayed', operation };
    }
    const taskPending = this.#queues.get(p.task)?.pending ?? 0;
    if (p.taskPendingMax !== null && taskPending >= p.taskPendingMax) {
      return { outcome: 'queue_full', pending: taskPending, pendingMax: p.taskPendingMax };
    }
    if (this.#pending >= pendingMax) {
      return { outcome: 'queue_full', pending: this.#pending, pendingMax };
    }
    const [labels, webhook] = [Object.freeze({ ...p.labels }), frozenCopy(p.webhook)];
    const operation = newOperation({ ...p, labels, webhook }, now);
    const entry: Entry = { operation, input: p.input, attempts: [], body: null };
    this.#entries.set(p.id, entry);
    this.#index.add(p.id);
    this.#replace(entry, null, operation);
    if (key !== null) {
      const value = { fingerprint: key.fingerprint, operationId: p.id };
      this.#usedKeys.set(keyName, value, key.expiresAt);
    }
    if (claim !== undefined) this.#claimNew(operation, claim, now);
    return { outcome: 'created', operation: entry.operation };
  }

  #claimNew(operation: Operation, claim: ClaimAtAccept, now: number): void {
    const { task, state, id, concurrencyKey } = operation;
    if (state !== 'ready' || concurrencyKey !== null) return;
    if (this.#queues.get(task)?.paused === true) return;
    const waiting = claim.tasks.reduce((sum, name) => {
      const queue = this.#queues.get(name);
      return sum + (queue === undefined || queue.paused ? 0 : queue.pending);
    }, 0);
    // It is among them by now.
    if (waiting - 1 > claim.spareSlots) return;
    const { worker, leaseMs } = claim;
    this.#apply(id, { type: 'claimed', worker, leaseMs, token: claim.tokenOf(id) }, now);
  }

  async claimOperations(p: ClaimOperations): Promise<ClaimOutcome> {
    this.#open.require();
    const open: { queue: TaskQueue; task: ClaimTask }[] = [];
    let nextDueAt = Infinity;
    for (const task of p.tasks) {
      const queue = this.#queues.get(task.name);
      if (queue === undefined || queue.paused) continue;
      this.#makeDueReady(queue, p.now);
      nextDueAt = Math.min(nextDueAt, queue.nextDueAt() ?? Infinity);
      if (!hasSlot(queue, task)) continue;
      this.#unparkFree(queue, task);
      open.push({ queue, task });
    }
    const claimed: ClaimedOperation[] = [];
    while (claimed.length < p.limit) {
      const best = bestOf(open);
      if (best === undefined) break;
      const entry = this.#claimOrPark(best, p);
      if (entry !== undefined) claimed.push({ operation: entry.operation, input: entry.input });
    }
    return { claimed, nextDueAt: nextDueAt === Infinity ? null : nextDueAt };
  }

  #claimOrPark(
    { queue, task, operation }: { queue: TaskQueue; task: ClaimTask; operation: Operation },
    p: ClaimOperations,
  ): Entry | undefined {
    const key = operation.concurrencyKey;
    if (key !== null && queue.freeKeySlots(key, task.keyConcurrency) <= 0) {
      this.#apply(operation.id, { type: 'parked' }, p.now);
      return undefined;
    }
    const { worker, leaseMs } = p;
    this.#apply(operation.id, { type: 'claimed', worker, leaseMs, token: p.newToken() }, p.now);
    return this.#entries.get(operation.id);
  }

  #makeDueReady(queue: TaskQueue, now: number): void {
    for (let due = queue.firstDue(now); due !== undefined; due = queue.firstDue(now)) {
      this.#apply(due.id, { type: 'due' }, now);
    }
  }

  /** Limits were raised, or the one a slot was handed to never ran: nothing stays parked for ever. */
  #unparkFree(queue: TaskQueue, task: ClaimTask): void {
    for (const key of queue.parkedKeys()) {
      for (let free = queue.freeKeySlots(key, task.keyConcurrency); free > 0; free -= 1) {
        if (!this.#unparkFirst(queue, key)) break;
      }
    }
  }

  #unparkFirst(queue: TaskQueue, key: string): boolean {
    const parked = queue.firstParked(key);
    if (parked === undefined) return false;
    this.#apply(parked.id, { type: 'unparked' }, 0);
    return true;
  }

  async settleAttempts(p: SettleAttempts): Promise<SettleOutcome[]> {
    this.#open.require();
    return p.settlements.map((settlement) => {
      const decision = this.#apply(settlement.id, settledEvent(settlement), p.now);
      if (decision?.outcome !== 'applied') return 'lost';
      const entry = this.#entries.get(settlement.id);
      if (entry !== undefined && settlement.type === 'completed') {
        entry.body = settlement.body && settlement.body.slice();
      }
      this.#tell(decision.operation, p);
      return 'applied';
    });
  }

  async extendLeases(p: ExtendLeases): Promise<ExtendOutcome[]> {
    this.#open.require();
    return p.leases.map(({ id, token, progress }) => {
      const event = {
        type: 'extended',
        token,
        leaseMs: p.leaseMs,
        progress: progress && Object.freeze({ ...progress }),
      } as const;
      const decision = this.#apply(id, event, p.now);
      if (decision?.outcome !== 'applied') return { outcome: 'lost' };
      const cancelRequested = decision.operation.cancelRequestedAt !== null;
      return { outcome: 'extended', cancelRequested };
    });
  }

  async sweepExpired(p: SweepExpired): Promise<SweepOutcome> {
    this.#open.require();
    const { recoveriesMax, workerDead } = p;
    const changed: Operation[] = [];
    for (const id of this.#running) {
      if (changed.length >= p.limit) return { changed, more: true };
      const event = { type: 'lease_expired', recoveriesMax, workerDead } as const;
      const decision = this.#apply(id, event, p.now);
      if (decision?.outcome !== 'applied') continue;
      this.#tell(decision.operation, p);
      changed.push(decision.operation);
    }
    for (;;) {
      const waiting = this.#waiting.peek();
      if (waiting === undefined || waitsUntil(waiting) > p.now) return { changed, more: false };
      if (changed.length >= p.limit) return { changed, more: true };
      const decision = this.#apply(waiting.id, { type: 'waited_too_long' }, p.now);
      if (decision?.outcome !== 'applied') throw new Error('decide() left a wait that is over.');
      this.#tell(decision.operation, p);
      changed.push(decision.operation);
    }
  }

  /** For tests of several engines over it, as over a store that processes share. */
  async readLine({ limit }: { limit: number }): Promise<StoredLine> {
    this.#open.require();
    return lineOf(this.#entries.values(), limit);
  }

  async readOperation({ id }: { id: string }): Promise<Operation | null> {
    this.#open.require();
    return this.current(id) ?? null;
  }

  async isGone({ id }: { id: string }): Promise<boolean> {
    this.#open.require();
    return this.#gone.get(id) !== undefined;
  }

  async readInput({ id }: { id: string }): Promise<string | null> {
    this.#open.require();
    return this.#entries.get(id)?.input ?? null;
  }

  async *readResult(p: { id: string; start: number; end: number }): AsyncGenerator<Uint8Array> {
    let at = p.start;
    while (at < p.end) {
      this.#open.require();
      const chunkEnd = Math.min(p.end, at + limits.resultChunkBytes);
      const chunk = this.#entries.get(p.id)?.body?.slice(at, chunkEnd);
      if (chunk === undefined || chunk.length === 0) return;
      yield chunk;
      at += chunk.length;
    }
  }

  async listOperations(p: ListOperations): Promise<OperationPage> {
    this.#open.require();
    return this.#index.page(p);
  }

  async listAttempts({ id }: { id: string }): Promise<EndedAttempt[]> {
    this.#open.require();
    return this.#entries.get(id)?.attempts.slice(-limits.attemptsShown) ?? [];
  }

  async requestCancel(p: {
    id: string;
    outbox?: Outbox | undefined;
    now: number;
  }): Promise<CancelOutcome> {
    this.#open.require();
    const { id } = p;
    const decision = this.#apply(id, { type: 'cancel_requested' }, p.now);
    const operation = this.current(id);
    if (operation === undefined) return { outcome: 'missing' };
    if (operation.state === 'running') return { outcome: 'requested', operation };
    if (decision?.outcome !== 'applied') return { outcome: 'already_final', operation };
    this.#tell(operation, p);
    return { outcome: 'cancelled', operation };
  }

  async removeOperation(p: {
    id: string;
    now: number;
    goneUntil: number;
  }): Promise<'removed' | 'not_final' | 'missing'> {
    this.#open.require();
    const operation = this.current(p.id);
    if (operation === undefined) return 'missing';
    if (!isFinal(operation.state)) return 'not_final';
    this.#remove(operation, p.goneUntil);
    return 'removed';
  }

  async setTaskPaused({ task, paused }: { task: string; paused: boolean }): Promise<void> {
    this.#open.require();
    this.#queue(task).paused = paused;
  }

  async readTasks(): Promise<TaskRecord[]> {
    this.#open.require();
    const names = [...this.#queues.keys()].sort();
    return names.map((name) => this.#queue(name).record());
  }

  async pruneExpired({ now, limit }: { now: number; limit: number }): Promise<PruneOutcome> {
    this.#open.require();
    const goneIds = this.#gone.takeExpired(now, limit).length;
    const expired = this.#expiries.takeExpired(now, limit);
    for (const id of expired) {
      const operation = this.current(id);
      if (operation === undefined) continue;
      this.#remove(operation, (operation.expiresAt ?? now) + operation.retentionMs);
    }
    const idempotencyKeys = this.#usedKeys.takeExpired(now, limit).length;
    const { deliveries, endpoints } = this.#deliveries.prune(now, limit);
    return { operations: expired.length, goneIds, idempotencyKeys, deliveries, endpoints };
  }

  async ping(): Promise<void> {
    this.#open.require();
  }

  async close(): Promise<void> {
    this.#open.close();
  }

  current(id: string): Operation | undefined {
    return this.#entries.get(id)?.operation;
  }

  #queue(task: string): TaskQueue {
    let queue = this.#queues.get(task);
    if (queue === undefined) {
      queue = new TaskQueue(task, (id) => this.current(id));
      this.#queues.set(task, queue);
    }
    return queue;
  }

  /** undefined: there is no such operation. */
  #apply(id: string, event: OperationEvent, now: number): Decision | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const before = entry.operation;
    const decision = decide(before, event, now);
    if (decision.outcome !== 'applied') return decision;
    if (decision.ended !== null) entry.attempts.push(Object.freeze(decision.ended));
    this.#replace(entry, before, decision.operation);
    return decision;
  }

  /** What became final goes out, in the step that made it so. */
  #tell(operation: Operation, p: { outbox?: Outbox | undefined; now: number }): void {
    if (p.outbox === undefined || !isFinal(operation.state)) return;
    const registered = this.#deliveries.endpoints.registered(operation.tenant);
    if (operation.webhook === null && registered.length === 0) return;
    this.#deliveries.add(p.outbox(operation, registered), p.now);
  }

  /** The one place where a record changes: everything that is kept about it follows. */
  #replace(entry: Entry, before: Operation | null, after: Operation): void {
    Object.freeze(after.lease);
    Object.freeze(after.error);
    entry.operation = Object.freeze(after);
    const queue = this.#queue(after.task);
    this.#pending -= queue.pending;
    queue.replaced(before, after);
    this.#pending += queue.pending;
    if (after.state === 'running') this.#running.add(after.id);
    else if (isFinal(after.state)) this.#expiries.set(after.id, null, after.expiresAt ?? Infinity);
    else if (waitsUntil(after) !== Infinity) this.#waiting.push(after);
    if (before?.state === 'running' && after.state !== 'running') {
      this.#running.delete(after.id);
      if (after.concurrencyKey !== null) this.#unparkFirst(queue, after.concurrencyKey);
    }
  }

  #remove(operation: Operation, goneUntil: number): void {
    this.#entries.delete(operation.id);
    this.#expiries.delete(operation.id);
    this.#logs.remove(operation.id);
    this.#queue(operation.task).replaced(operation, null);
    this.#gone.set(operation.id, null, goneUntil);
  }
}

/** With copies of what the caller made: its objects stay its own. */
function settledEvent(p: Settlement): OperationEvent {
  switch (p.type) {
    case 'completed':
      return { type: p.type, token: p.token, result: Object.freeze({ ...p.result }) };
    case 'attempt_failed':
      return { type: p.type, token: p.token, error: { ...p.error }, retryAt: p.retryAt };
    case 'released':
      return { type: p.type, token: p.token };
  }
}

/** When an operation that waits fails for it; Infinity: never. */
function waitsUntil(operation: Operation): number {
  return Math.min(operation.waitUntil ?? Infinity, operation.deadlineAt ?? Infinity);
}
