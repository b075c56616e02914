import assert from 'node:assert/strict';
import type { WebhookTarget } from '../core/delivery.ts';
import { operationId } from '../core/id.ts';
import type { Operation, OperationError, Result } from '../core/operation.ts';
import { isFinal } from '../core/operation.ts';
import { decide, type OperationEvent } from '../core/transitions.ts';
import type { Outbox } from '../store/delivery-store.ts';
import type {
  ClaimAtAccept,
  ClaimedOperation,
  ClaimTask,
  CreateOperations,
  CreateOutcome,
  ListOperations,
  NewOperation,
  OperationFilter,
  Settlement,
  SettleOutcome,
  Store,
  SweepExpired,
  SweepOutcome,
  TaskRecord,
} from '../store/store.ts';
import { counterBytes } from './counter-bytes.ts';
import { WebhookBench } from './webhook-bench.ts';

/** A store under test, and how its test closes or reopens it. */
export type OpenedStore = {
  readonly store: Store;
  /** Called once at the end, even if the store was closed or reopened meanwhile. */
  close(): Promise<void>;
  /**
   * Closes the store and opens the same data again. Required where `capabilities.durable` is true.
   */
  readonly reopen?: () => Promise<Store>;
};

/**
 * Opens an empty store: called once for each case or run, so that none sees the data of another.
 */
export type OpenStore = () => Promise<OpenedStore>;

/** One sentence about every store, and the test that proves it. */
export type StoreCase = {
  readonly title: string;
  /** The case reopens the store: skipped where `capabilities.durable` is false. */
  readonly durable?: true;
  /** The case needs `capabilities.claimsAtAccept`. */
  readonly needsClaimsAtAccept?: true;
  run(bench: StoreBench): Promise<void>;
};

/** A store with a clock that moves only by hand, ids that ascend, and defaults for every verb. */
export class StoreBench {
  store: Store;
  readonly reopen: (() => Promise<void>) | null;
  now = Date.UTC(2026, 0, 1);
  readonly leaseMs = 15_000;
  readonly webhooks = new WebhookBench(this);
  /** The webhook of new operations. */
  webhook: WebhookTarget | null = null;
  /** Passed to every verb that can make an operation final. */
  outbox: Outbox | undefined = undefined;
  /** The case closed the store itself. */
  closed = false;
  #ids = 0;
  #tokens = 0;

  constructor(opened: OpenedStore) {
    this.store = opened.store;
    const { reopen } = opened;
    this.reopen =
      reopen === undefined
        ? null
        : async () => {
            this.store = await reopen();
          };
  }

  /** Ids ascend even within one millisecond. */
  newId(): string {
    this.#ids += 1;
    return operationId(this.now, counterBytes(this.#ids));
  }

  newToken = (): string => {
    this.#tokens += 1;
    return `token-${this.#tokens}`;
  };

  planned(p: Partial<NewOperation> = {}): NewOperation {
    return {
      id: this.newId(),
      task: 'reports',
      tenant: '',
      input: '{}',
      attemptsMax: 3,
      retentionMs: 100_000,
      priority: 0,
      readyAt: this.now,
      waitUntil: null,
      deadlineAt: null,
      concurrencyKey: null,
      labels: {},
      retryOf: null,
      traceparent: null,
      webhook: this.webhook,
      idempotency: null,
      taskPendingMax: null,
      ...p,
    };
  }

  async submit(
    p: Partial<NewOperation> = {},
    more: Partial<Pick<CreateOperations, 'pendingMax' | 'claim'>> = {},
  ): Promise<CreateOutcome> {
    const outcomes = await this.store.createOperations({
      operations: [this.planned(p)],
      pendingMax: 1_000_000,
      now: this.now,
      ...more,
    });
    assert.equal(outcomes.length, 1);
    return outcomes[0]!;
  }

  async create(p: Partial<NewOperation> = {}): Promise<Operation> {
    const outcome = await this.submit(p);
    assert.equal(outcome.outcome, 'created');
    return (outcome as { operation: Operation }).operation;
  }

  /** For submit(): the worker w1 has a slot for it, and none besides. */
  atAccept(p: Partial<ClaimAtAccept> = {}): ClaimAtAccept {
    const { leaseMs } = this;
    const tokenOf = (id: string): string => `token of ${id}`;
    return { worker: 'w1', leaseMs, tokenOf, tasks: ['reports'], spareSlots: 0, ...p };
  }

  /** Claims all at once, best first; `tasks` are names or whole entries. */
  async claim(
    p: { limit?: number; worker?: string; tasks?: readonly (string | ClaimTask)[] } = {},
  ): Promise<readonly ClaimedOperation[]> {
    const { claimed } = await this.store.claimOperations({
      worker: p.worker ?? 'w1',
      newToken: this.newToken,
      leaseMs: this.leaseMs,
      limit: p.limit ?? 100,
      tasks: claimTasks(p.tasks ?? ['reports']),
      now: this.now,
    });
    return claimed;
  }

  async claimIds(p: Parameters<StoreBench['claim']>[0] = {}): Promise<string[]> {
    return (await this.claim(p)).map(({ operation }) => operation.id);
  }

  async nextDueAt(tasks: readonly (string | ClaimTask)[] = ['reports']): Promise<number | null> {
    const { claimed, nextDueAt } = await this.store.claimOperations({
      worker: 'w1',
      newToken: this.newToken,
      leaseMs: this.leaseMs,
      limit: 100,
      tasks: claimTasks(tasks),
      now: this.now,
    });
    assert.deepStrictEqual(claimed, []);
    return nextDueAt;
  }

  /** Creates and claims an operation; returns the running record. */
  async running(p: Partial<NewOperation> = {}): Promise<Operation> {
    const { id, task } = await this.create(p);
    const claimed = await this.claim({ tasks: [task] });
    assert.deepStrictEqual(
      claimed.map(({ operation }) => operation.id),
      [id],
    );
    return claimed[0]!.operation;
  }

  async settle(...settlements: Settlement[]): Promise<SettleOutcome[]> {
    const { outbox, now } = this;
    return this.store.settleAttempts({ settlements, outbox, now });
  }

  async complete(operation: Operation, result = inlineResult()): Promise<Operation> {
    assert.deepStrictEqual(await this.settle(completedBy(operation, result)), ['applied']);
    return this.record(operation.id);
  }

  /** Fails the attempt; `retryAt` null: for good. */
  async fail(operation: Operation, retryAt: number | null = null): Promise<Operation> {
    assert.deepStrictEqual(await this.settle(failedBy(operation, retryAt)), ['applied']);
    return this.record(operation.id);
  }

  async release(operation: Operation): Promise<Operation> {
    const settlement = { type: 'released', id: operation.id, token: tokenOf(operation) } as const;
    assert.deepStrictEqual(await this.settle(settlement), ['applied']);
    return this.record(operation.id);
  }

  async completed(p: Partial<NewOperation> = {}, result = inlineResult()): Promise<Operation> {
    return this.complete(await this.running(p), result);
  }

  async failed(p: Partial<NewOperation> = {}): Promise<Operation> {
    return this.fail(await this.running(p));
  }

  /** An operation that was cancelled while it waited. */
  async cancelled(): Promise<Operation> {
    const created = await this.create();
    await this.cancel(created.id);
    return decided(created, { type: 'cancel_requested' }, this.now);
  }

  async sweep(p: Partial<Omit<SweepExpired, 'now' | 'outbox'>> = {}): Promise<SweepOutcome> {
    return this.store.sweepExpired({
      now: this.now,
      limit: 1000,
      recoveriesMax: 3,
      workerDead: false,
      outbox: this.outbox,
      ...p,
    });
  }

  async prune(limit = 1000): ReturnType<Store['pruneExpired']> {
    return this.store.pruneExpired({ now: this.now, limit });
  }

  async cancel(id: string): ReturnType<Store['requestCancel']> {
    return this.store.requestCancel({ id, outbox: this.outbox, now: this.now });
  }

  async remove(id: string, goneUntil = this.now + 100_000): ReturnType<Store['removeOperation']> {
    return this.store.removeOperation({ id, now: this.now, goneUntil });
  }

  async record(id: string): Promise<Operation> {
    const operation = await this.store.readOperation({ id });
    assert.ok(operation, `${id} is missing`);
    return operation;
  }

  async stateOf(id: string): Promise<Operation['state']> {
    return (await this.record(id)).state;
  }

  /** The store returns exactly this record, by id and in the list. */
  async assertRecord(expected: Operation): Promise<void> {
    assert.deepStrictEqual(await this.record(expected.id), expected);
    const [listed] = await this.list({ text: expected.id });
    assert.deepStrictEqual(listed, expected);
  }

  /** The record became what `decide` makes of `before`; returns it. */
  async assertDecided(before: Operation, event: OperationEvent): Promise<Operation> {
    const expected = decided(before, event, this.now);
    await this.assertRecord(expected);
    return expected;
  }

  /** All pages of a list, newest first. */
  async list(filter: OperationFilter = {}, limit = 200): Promise<Operation[]> {
    return allPages(this.store, { filter, limit });
  }

  async listIds(filter: OperationFilter = {}, limit = 200): Promise<string[]> {
    return (await this.list(filter, limit)).map(({ id }) => id);
  }

  async task(name = 'reports'): Promise<TaskRecord | undefined> {
    return (await this.store.readTasks()).find(({ task }) => task === name);
  }

  async readResult(id: string, start: number, end: number): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.store.readResult({ id, start, end })) chunks.push(chunk);
    return joined(chunks);
  }

  /** The counters equal a recount, and every record is sound. */
  async assertCountersExact(): Promise<void> {
    const operations = await this.list();
    const tasks = await this.store.readTasks();
    const names = tasks.map(({ task }) => task);
    assert.deepStrictEqual(names, [...new Set(names)].sort());
    for (const { task } of operations) assert.ok(names.includes(task), `no record of ${task}`);
    for (const record of tasks) {
      const own = operations.filter(({ task }) => task === record.task);
      const count = (...states: Operation['state'][]): number =>
        own.filter(({ state }) => states.includes(state)).length;
      const waiting = own.filter(({ state }) => state === 'ready' || state === 'parked');
      assert.equal(record.pending, count('scheduled', 'ready', 'parked'), 'pending');
      assert.equal(record.processing, count('running'), 'processing');
      assert.ok(record.completed >= count('completed'), 'completed');
      assert.ok(record.failed >= count('failed'), 'failed');
      const oldest = Math.min(...waiting.map(({ readyAt }) => readyAt));
      assert.equal(record.oldestPendingAt, waiting.length === 0 ? null : oldest, 'oldestPendingAt');
      assert.equal(record.meanDurationMs === null, record.completed === 0, 'meanDurationMs');
    }
    for (const operation of operations) assertSound(operation);
    const pending = tasks.reduce((sum, record) => sum + record.pending, 0);
    const full = { outcome: 'queue_full', pending, pendingMax: 0 };
    assert.deepStrictEqual(
      await this.submit({}, { pendingMax: 0 }),
      full,
      'pending over all tasks',
    );
    await this.webhooks.assertSound();
  }
}

/** What must hold for every record between two verbs. */
function assertSound(o: Operation): void {
  assert.equal(o.lease !== null, o.state === 'running', 'a lease is held while it runs');
  assert.equal(o.error !== null, o.state === 'failed', 'an error tells why it failed');
  assert.equal(o.result !== null, o.state === 'completed', 'a result when it completed');
  assert.equal(o.finishedAt !== null, isFinal(o.state), 'finishedAt with the final state');
  assert.equal(o.expiresAt, o.finishedAt === null ? null : o.finishedAt + o.retentionMs);
}

export async function allPages(
  store: Store,
  p: Pick<ListOperations, 'filter' | 'limit'>,
): Promise<Operation[]> {
  const operations: Operation[] = [];
  let beforeId: string | null = null;
  do {
    const page = await store.listOperations({ ...p, beforeId });
    assert.ok(page.operations.length <= p.limit, 'a page holds at most its limit');
    operations.push(...page.operations);
    assert.ok(beforeId === null || page.nextBeforeId === null || page.nextBeforeId < beforeId);
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
  return operations;
}

export function decided(before: Operation, event: OperationEvent, now: number): Operation {
  const decision = decide(before, event, now);
  assert.equal(decision.outcome, 'applied');
  return (decision as { operation: Operation }).operation;
}

function claimTasks(tasks: readonly (string | ClaimTask)[]): ClaimTask[] {
  return tasks.map((task) =>
    typeof task === 'string' ? { name: task, concurrency: null, keyConcurrency: null } : task,
  );
}

export function tokenOf(operation: Operation): string {
  assert.ok(operation.lease, `${operation.id} holds no lease`);
  return operation.lease.token;
}

export function completedBy(operation: Operation, result = inlineResult()): Settlement {
  const { id } = operation;
  return { type: 'completed', id, token: tokenOf(operation), result, body: null };
}

export function failedBy(operation: Operation, retryAt: number | null = null): Settlement {
  const token = tokenOf(operation);
  return { type: 'attempt_failed', id: operation.id, token, error: taskError(), retryAt };
}

export function inlineResult(json = '{"pages":3}'): Result {
  return {
    contentType: 'application/json',
    name: null,
    sizeBytes: new TextEncoder().encode(json).length,
    etag: '"r-1"',
    inline: json,
  };
}

export function taskError(detail = 'The printer is on fire.'): OperationError {
  return {
    code: 'task_error',
    detail,
    name: 'PrinterError',
    status: 503,
    type: 'https://example.com/problems/printer',
    title: 'Printer trouble',
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
