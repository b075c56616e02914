import { limits } from '../core/limits.ts';
import { isFinal, type EndedAttempt, type Operation } from '../core/operation.ts';
import type { OperationEvent } from '../core/transitions.ts';
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
  StoredQueue,
  SweepExpired,
  SweepOutcome,
  TaskRecord,
  UsedIdempotencyKey,
} from '../store/store.ts';
import { DeliveryBook } from './delivery-book.ts';
import { deliveryVerbs } from './delivery-verbs.ts';
import { Expiring } from './expiring.ts';
import { frozenCopy } from './frozen-copy.ts';
import { storedQueueOf } from './stored-queue.ts';
import { LogBook } from './log-book.ts';
import { logVerbs } from './log-verbs.ts';
import { noteVerbs, type NoteVerbs } from './note-verbs.ts';
import { OpenState } from './open-state.ts';
import { OperationBook, type Entry } from './operation-book.ts';
import { bestOf, hasSlot, type TaskQueue } from './task-queue.ts';

/**
 * A store without a file: `memory:` at run time, and the model that tests compare the other stores
 * with. Every verb does all its work before it returns its promise, so each is one commit by
 * nature. Records are frozen, so that what is handed out cannot change what is kept.
 */
export function memoryStore(): Store {
  const deliveries = new DeliveryBook();
  const open = new OpenState();
  const requireOpen = (): void => open.require();
  const logs = new LogBook();
  const book = new OperationBook(logs);
  const operations = new MemoryStore({ book, deliveries, open });
  const verbs = { ...deliveryVerbs(deliveries, requireOpen), ...noteVerbs(requireOpen) };
  return Object.assign(
    operations,
    verbs,
    logVerbs(logs, open, (id) => book.current(id)),
  );
}

class MemoryStore implements Omit<OperationStore, keyof NoteVerbs | 'appendLogs' | 'readLogs'> {
  readonly name = 'memory';
  readonly capabilities = { singleProcess: true, durable: false, claimsAtAccept: true } as const;
  readonly #book: OperationBook;
  readonly #usedKeys = new Expiring<UsedIdempotencyKey>();
  readonly #deliveries: DeliveryBook;
  readonly #open: OpenState;

  constructor(p: { book: OperationBook; deliveries: DeliveryBook; open: OpenState }) {
    this.#book = p.book;
    this.#deliveries = p.deliveries;
    this.#open = p.open;
  }

  async createOperations(p: CreateOperations): Promise<CreateOutcome[]> {
    this.#open.require();
    const ids = new Set<string>();
    for (const { id } of p.operations) {
      if (ids.has(id) || this.#book.entry(id) !== undefined)
        throw new Error(`A second operation ${id}.`);
      ids.add(id);
    }
    return p.operations.map((operation) => this.#create(operation, p));
  }

  #create(p: NewOperation, { pendingMax, claim, now }: CreateOperations): CreateOutcome {
    const key = p.idempotency;
    const keyName = key === null ? '' : nameOf(key);
    const used = key === null ? undefined : this.#usedKeys.get(keyName);
    if (used !== undefined && used.expiresAt > now) {
      if (used.value.fingerprint !== key?.fingerprint) return { outcome: 'key_reused' };
      const { operationId } = used.value;
      const operation = this.#book.current(operationId);
      return operation === undefined
        ? { outcome: 'replayed_gone', operationId }
        : { outcome: 'replayed', operation };
    }
    const taskPending = this.#book.knownQueue(p.task)?.pending ?? 0;
    if (p.taskPendingMax !== null && taskPending >= p.taskPendingMax) {
      return { outcome: 'queue_full', pending: taskPending, pendingMax: p.taskPendingMax };
    }
    if (this.#book.pending >= pendingMax) {
      return { outcome: 'queue_full', pending: this.#book.pending, pendingMax };
    }
    const [labels, webhook] = [Object.freeze({ ...p.labels }), frozenCopy(p.webhook)];
    const operation = newOperation({ ...p, labels, webhook }, now);
    this.#book.add(operation, p.input);
    if (key !== null) {
      const value = { fingerprint: key.fingerprint, operationId: p.id };
      this.#usedKeys.set(keyName, value, key.expiresAt);
    }
    if (claim !== undefined) this.#claimNew(operation, claim, now);
    return { outcome: 'created', operation: this.#book.current(p.id) ?? operation };
  }

  #claimNew(operation: Operation, claim: ClaimAtAccept, now: number): void {
    const { task, state, id, concurrencyKey } = operation;
    if (state !== 'ready' || concurrencyKey !== null) return;
    if (this.#book.knownQueue(task)?.paused === true) return;
    const waiting = claim.tasks.reduce((sum, name) => {
      const queue = this.#book.knownQueue(name);
      return sum + (queue === undefined || queue.paused ? 0 : queue.pending);
    }, 0);
    // The new operation is already counted among them.
    if (waiting - 1 > claim.spareSlots) return;
    const { worker, leaseMs } = claim;
    this.#book.apply(id, { type: 'claimed', worker, leaseMs, token: claim.tokenOf(id) }, now);
  }

  async claimOperations(p: ClaimOperations): Promise<ClaimOutcome> {
    this.#open.require();
    const open: { queue: TaskQueue; task: ClaimTask }[] = [];
    let nextDueAt = Infinity;
    for (const task of p.tasks) {
      const queue = this.#book.knownQueue(task.name);
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
      this.#book.apply(operation.id, { type: 'parked' }, p.now);
      return undefined;
    }
    const { worker, leaseMs } = p;
    this.#book.apply(
      operation.id,
      { type: 'claimed', worker, leaseMs, token: p.newToken() },
      p.now,
    );
    return this.#book.entry(operation.id);
  }

  #makeDueReady(queue: TaskQueue, now: number): void {
    for (let due = queue.firstDue(now); due !== undefined; due = queue.firstDue(now)) {
      this.#book.apply(due.id, { type: 'due' }, now);
    }
  }

  /**
   * Nothing must stay parked for ever: limits may have been raised, or the operation that got a
   * slot never ran.
   */
  #unparkFree(queue: TaskQueue, task: ClaimTask): void {
    for (const key of queue.parkedKeys()) {
      for (let free = queue.freeKeySlots(key, task.keyConcurrency); free > 0; free -= 1) {
        if (!this.#book.unparkFirst(queue, key)) break;
      }
    }
  }

  async settleAttempts(p: SettleAttempts): Promise<SettleOutcome[]> {
    this.#open.require();
    return p.settlements.map((settlement) => {
      const decision = this.#book.apply(settlement.id, settledEvent(settlement), p.now);
      if (decision?.outcome !== 'applied') return 'lost';
      const entry = this.#book.entry(settlement.id);
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
      const decision = this.#book.apply(id, event, p.now);
      if (decision?.outcome !== 'applied') return { outcome: 'lost' };
      const cancelRequested = decision.operation.cancelRequestedAt !== null;
      return { outcome: 'extended', cancelRequested };
    });
  }

  async sweepExpired(p: SweepExpired): Promise<SweepOutcome> {
    this.#open.require();
    const { recoveriesMax, own, workerDead, workerReplaced } = p;
    const changed: Operation[] = [];
    for (const id of this.#book.running()) {
      if (changed.length >= p.limit) return { changed, more: true };
      const event = {
        type: 'lease_expired',
        recoveriesMax,
        own,
        workerDead,
        workerReplaced,
      } as const;
      const decision = this.#book.apply(id, event, p.now);
      if (decision?.outcome !== 'applied') continue;
      this.#tell(decision.operation, p);
      changed.push(decision.operation);
    }
    for (;;) {
      const waiting = this.#book.firstOverdue(p.now);
      if (waiting === undefined) return { changed, more: false };
      if (changed.length >= p.limit) return { changed, more: true };
      const decision = this.#book.apply(waiting.id, { type: 'waited_too_long' }, p.now);
      if (decision?.outcome !== 'applied') throw new Error('decide() left a wait that is over.');
      this.#tell(decision.operation, p);
      changed.push(decision.operation);
    }
  }

  /** For tests of several engines over it, as if processes shared it. */
  async readQueue({ limit }: { limit: number }): Promise<StoredQueue> {
    this.#open.require();
    return storedQueueOf(this.#book.entries(), limit);
  }

  async readOperation({ id }: { id: string }): Promise<Operation | null> {
    this.#open.require();
    return this.#book.current(id) ?? null;
  }

  async isGone({ id }: { id: string }): Promise<boolean> {
    this.#open.require();
    return this.#book.isGone(id);
  }

  async readIdempotencyKey(p: {
    readonly scope: string;
    readonly key: string;
    readonly now: number;
  }): Promise<UsedIdempotencyKey | null> {
    this.#open.require();
    const used = this.#usedKeys.get(nameOf(p));
    return used !== undefined && used.expiresAt > p.now ? used.value : null;
  }

  async readInput({ id }: { id: string }): Promise<string | null> {
    this.#open.require();
    return this.#book.entry(id)?.input ?? null;
  }

  async *readResult(p: { id: string; start: number; end: number }): AsyncGenerator<Uint8Array> {
    let at = p.start;
    while (at < p.end) {
      this.#open.require();
      const chunkEnd = Math.min(p.end, at + limits.resultChunkBytes);
      const chunk = this.#book.entry(p.id)?.body?.slice(at, chunkEnd);
      if (chunk === undefined || chunk.length === 0) return;
      yield chunk;
      at += chunk.length;
    }
  }

  async listOperations(p: ListOperations): Promise<OperationPage> {
    this.#open.require();
    return this.#book.index.page(p);
  }

  async listAttempts({ id }: { id: string }): Promise<EndedAttempt[]> {
    this.#open.require();
    return this.#book.entry(id)?.attempts.slice(-limits.attemptsShown) ?? [];
  }

  async requestCancel(p: {
    id: string;
    outbox?: Outbox | undefined;
    now: number;
  }): Promise<CancelOutcome> {
    this.#open.require();
    const { id } = p;
    const decision = this.#book.apply(id, { type: 'cancel_requested' }, p.now);
    const operation = this.#book.current(id);
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
    const operation = this.#book.current(p.id);
    if (operation === undefined) return 'missing';
    if (!isFinal(operation.state)) return 'not_final';
    this.#book.remove(operation, p.goneUntil);
    return 'removed';
  }

  async setTaskPaused({ task, paused }: { task: string; paused: boolean }): Promise<void> {
    this.#open.require();
    this.#book.queue(task).paused = paused;
  }

  async readTasks(): Promise<TaskRecord[]> {
    this.#open.require();
    return this.#book.queues().map((queue) => queue.record());
  }

  async pruneExpired({ now, limit }: { now: number; limit: number }): Promise<PruneOutcome> {
    this.#open.require();
    const { operations, goneIds } = this.#book.prune(now, limit);
    const idempotencyKeys = this.#usedKeys.takeExpired(now, limit).length;
    const { deliveries, endpoints } = this.#deliveries.prune(now, limit);
    return { operations, goneIds, idempotencyKeys, deliveries, endpoints };
  }

  async ping(): Promise<void> {
    this.#open.require();
  }

  async close(): Promise<void> {
    this.#open.close();
  }

  /** Writes the deliveries of an operation that became final, in the same step. */
  #tell(operation: Operation, p: { outbox?: Outbox | undefined; now: number }): void {
    if (p.outbox === undefined || !isFinal(operation.state)) return;
    const registered = this.#deliveries.endpoints.registered(operation.tenant);
    if (operation.webhook === null && registered.length === 0) return;
    this.#deliveries.add(p.outbox(operation, registered), p.now);
  }
}

/** The event of a settlement, with copies of the caller's objects, which stay its own. */
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

function nameOf({ scope, key }: { readonly scope: string; readonly key: string }): string {
  return JSON.stringify([scope, key]);
}
