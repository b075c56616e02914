import type { EndedAttempt, Operation } from '../core/operation.ts';
import { decide, holds, type Decision, type OperationEvent } from '../core/transitions.ts';
import type { IdempotencyKey, LogEntry } from '../store/store.ts';
import { operationOf } from '../store/operation-rows.ts';
import { textArray } from './array-literal.ts';
import type { Row, Transaction } from './connection.ts';
import { postCreated, type Created } from './create.ts';
import { noEndpoints, type EndpointNeeds } from './endpoint-ledger.ts';
import type { Foreseen } from './foresight.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { Ledger, selectTasksSql } from './ledger.ts';
import {
  lockOperationsSql,
  postAttempts,
  postUpdates,
  selectOperationsSql,
  type Changed,
} from './operations.ts';
import { LogSet } from './logs.ts';
import { isWaiting, postQueued, postUnqueued } from './queue.ts';
import { writeChunks } from './results.ts';
import { registeredOfOperationsSql } from './outbox.ts';
import { postCompleted, type Completed } from './settle.ts';
import { WebhookSet } from './webhook-set.ts';

/** What a group of writes touches, so that it is read and locked at once. */
export type Needs = {
  /** Operations that may change. */
  readonly ids: Set<string>;
  /** Those of `ids` whose logs grow. */
  readonly loggingIds: Set<string>;
  readonly keys: IdempotencyKey[];
  /** Those of `ids` whose end may be reported to webhooks. */
  readonly toldIds: Set<string>;
  readonly endpoints: EndpointNeeds;
  /** Deliveries that may change. */
  readonly deliveryIds: Set<string>;
};

export function noNeeds(): Needs {
  return {
    ids: new Set(),
    loggingIds: new Set(),
    keys: [],
    toldIds: new Set(),
    endpoints: noEndpoints(),
    deliveryIds: new Set(),
  };
}

type Entry = {
  /** As the database has it; null: not inserted yet. */
  readonly stored: Operation | null;
  operation: Operation;
  /** Set when the last change was a completion, which has its own statement. */
  completed: Completed | null;
};

/**
 * The part of the database that one transaction works on, in memory. All writes of a group run
 * against it one after the other, by the rules of core, whatever their kinds; then all changes are
 * written at once. So a group of a hundred calls takes as many round trips as one call, and its
 * calls see each other as if each had been a commit of its own.
 */
export class WorkingSet {
  readonly tx: Transaction;
  readonly ledger = new Ledger();
  readonly webhooks: WebhookSet;
  readonly keys = new IdempotencyKeys();
  readonly #logs = new LogSet();
  readonly #entries = new Map<string, Entry>();
  /** Read without a lock, for replays. */
  readonly #seen = new Map<string, Operation>();
  readonly #created: Created[] = [];
  readonly #ended: EndedAttempt[] = [];
  #hasTasks = false;
  /** Operations that existed before and changed in a way that clients can see. */
  readonly changed: string[] = [];
  /** How many operations entered the queue, and how many left it. */
  queued = 0;
  unqueued = 0;

  /** `wanted`: endpoints that an earlier try of the same transaction turned out to need. */
  constructor(tx: Transaction, wanted: EndpointNeeds) {
    this.tx = tx;
    this.webhooks = new WebhookSet(tx, wanted);
  }

  async load(needs: Needs): Promise<void> {
    const { tx } = this;
    const ids = [...needs.ids].filter((id) => !this.#entries.has(id));
    const told = [...needs.toldIds];
    const [tasks, operations, keys, registered] = await tx.together(() =>
      Promise.all([
        this.#hasTasks ? [] : tx.all(selectTasksSql),
        ids.length === 0 ? [] : tx.all(lockOperationsSql, textArray(ids)),
        needs.keys.length === 0 ? [] : IdempotencyKeys.find(tx, needs.keys),
        told.length === 0 ? [] : tx.all(registeredOfOperationsSql, textArray(told)),
        // Sent after the operations, whose locks come first. When no end is to be reported, this
        // need not wait for the operations' rows.
        told.length === 0 ? this.#loadWebhooks(needs, []) : null,
        this.#logs.load(tx, needs.loggingIds),
      ]),
    );
    if (!this.#hasTasks) this.ledger.load(tasks);
    this.#hasTasks = true;
    this.adopt(operations);
    this.keys.load(keys);
    await Promise.all([
      this.#loadReplayed(needs),
      told.length === 0 ? null : this.#loadWebhooks(needs, registered),
    ]);
  }

  /** Replaces load() by assumptions, which a guard compares with the rows. */
  assume({ tasks, operations, tenants }: Foreseen): void {
    this.ledger.load(tasks);
    this.#hasTasks = true;
    for (const operation of operations) {
      this.#entries.set(operation.id, { stored: operation, operation, completed: null });
    }
    this.webhooks.outbox.assumeNobody(tenants);
  }

  /** The operations as they are now, with what this transaction did to them. */
  *operations(): Generator<Operation> {
    for (const { operation } of this.#entries.values()) yield operation;
  }

  async #loadReplayed(needs: Needs): Promise<void> {
    const { tx } = this;
    const replayed = this.keys.operationIds.filter((id) => this.find(id) === undefined);
    if (needs.keys.length === 0 || replayed.length === 0) return;
    for (const row of await tx.all(selectOperationsSql, textArray(replayed))) {
      const operation = operationOf(row);
      this.#seen.set(operation.id, operation);
    }
  }

  /**
   * Locks endpoints after operations, as every transaction does, so that there are no deadlocks.
   */
  async #loadWebhooks(needs: Needs, registered: readonly Row[]): Promise<void> {
    const { endpoints, deliveries, outbox } = this.webhooks;
    const told = [...needs.toldIds].flatMap((id) => this.find(id) ?? []);
    outbox.load(told, registered);
    const likely = outbox.likely(told);
    await Promise.all([
      endpoints.lockFirst({
        ids: new Set([...needs.endpoints.ids, ...likely.ids]),
        deliveryIds: needs.endpoints.deliveryIds,
        requests: new Map([...needs.endpoints.requests, ...likely.requests]),
      }),
      deliveries.read(needs.deliveryIds),
    ]);
  }

  /** Takes in rows that this transaction has locked. */
  adopt(rows: readonly Row[]): Operation[] {
    return rows.map((row) => {
      const operation = operationOf(row);
      const known = this.#entries.get(operation.id);
      if (known !== undefined) return known.operation;
      this.#entries.set(operation.id, { stored: operation, operation, completed: null });
      return operation;
    });
  }

  /** The operation as it is now, with what this transaction did to it. */
  find(id: string): Operation | undefined {
    return this.#entries.get(id)?.operation ?? this.#seen.get(id);
  }

  /** Forgets an operation that another statement removed. */
  forget(id: string): void {
    this.#entries.delete(id);
    this.#seen.delete(id);
    this.#logs.forget(id);
  }

  /**
   * Throws when this transaction has an operation of that id; for all others the database reports
   * it.
   */
  create(created: Created): void {
    const { operation } = created;
    const { id, task, concurrencyKey: key, state } = operation;
    if (this.#entries.has(id)) throw new Error(`A second operation ${id}.`);
    this.#entries.set(id, { stored: null, operation, completed: null });
    this.#created.push(created);
    this.ledger.moved({ task, key, from: null, to: state });
  }

  /**
   * Applies `event` to the operation and counts the change; undefined: there is no such operation.
   */
  apply(id: string, event: OperationEvent, now: number): Decision | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    const before = entry.operation;
    const decision = decide(before, event, now);
    if (decision.outcome !== 'applied') return decision;
    const { operation: after, ended } = decision;
    if (ended !== null) this.#ended.push(ended);
    entry.operation = after;
    this.#count(before, after);
    return decision;
  }

  /** Returns false when another attempt holds the lease. */
  appendLogs(entry: LogEntry): boolean {
    const operation = this.#entries.get(entry.id)?.operation;
    if (operation === undefined || !holds(operation, entry.token)) return false;
    // Clients of other nodes that follow these lines look again.
    if (this.#logs.append(entry)) this.changed.push(entry.id);
    return true;
  }

  /** As apply() of `completed`, with the bytes of the result. */
  complete(id: string, p: Completed, now: number): boolean {
    const { token, result } = p;
    const decision = this.apply(id, { type: 'completed', token, result }, now);
    const entry = this.#entries.get(id);
    if (decision?.outcome !== 'applied' || entry === undefined) return false;
    entry.completed = p;
    return true;
  }

  #count(before: Operation, after: Operation): void {
    if (before.state === after.state) return;
    const { task, concurrencyKey: key } = after;
    if (after.state === 'completed') {
      this.ledger.took(task, (after.finishedAt ?? 0) - (after.attemptStartedAt ?? 0));
    }
    this.ledger.moved({ task, key, from: before.state, to: after.state });
  }

  /** Writes what has changed, except for the counters, which come last in the transaction. */
  async flush(now: number): Promise<void> {
    await this.#flushOperations(now);
    await this.webhooks.flush(now);
  }

  async #flushOperations(now: number): Promise<void> {
    const { tx } = this;
    const created = this.#created.splice(0);
    // An operation that was created and changed in the same group is inserted in its last state.
    postCreated(
      tx,
      created.map((one) => ({ ...one, operation: this.find(one.operation.id) ?? one.operation })),
    );
    const queued: Operation[] = [];
    const unqueued: string[] = [];
    const changed: Changed[] = [];
    const completed: (Completed & { readonly after: Operation })[] = [];
    for (const [id, entry] of this.#entries) {
      const { stored, operation: after } = entry;
      if (stored === after) continue;
      if (stored !== null && stored.version !== after.version) this.changed.push(id);
      const isQueued = stored !== null && isWaiting(stored);
      if (isWaiting(after) && !isQueued) queued.push(after);
      if (isQueued && !isWaiting(after)) unqueued.push(id);
      if (stored !== null && entry.completed !== null) {
        completed.push({ ...entry.completed, after });
      } else if (stored !== null) {
        changed.push({ before: stored, after });
      }
      this.#entries.set(id, { stored: after, operation: after, completed: null });
    }
    postQueued(tx, queued);
    this.queued += queued.length;
    postUnqueued(tx, unqueued);
    this.unqueued += unqueued.length;
    postUpdates(tx, changed);
    postCompleted(tx, completed);
    postAttempts(tx, this.#ended.splice(0));
    this.#logs.post(tx);
    await writeChunks(tx, completed);
    await this.keys.flush(tx, now);
  }
}
