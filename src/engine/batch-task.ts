import { RaincheckError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { Store } from '../store/store.ts';
import {
  batchActions,
  batchSchema,
  batchTasks,
  type BatchAction,
  type BatchInput,
} from './batch-input.ts';
import { isBatchable } from './batch-count.ts';
import { defineTask } from './define-task.ts';
import type { Engine } from './engine.ts';
import { keptBackPath, refusal } from './redaction.ts';
import { scanOperations } from './operation-scan.ts';
import type { Task, TaskContext } from './task.ts';

/** The result of a batch. */
export type Batched = {
  /** Operations that the filter found. */
  readonly matched: number;
  /**
   * Operations cancelled or asked to cancel, retried as new ones, or removed, since the batch was
   * last begun anew.
   */
  readonly changed: number;
  /** Operations left alone because they had ended, or were removed, before their turn. */
  readonly skipped: number;
  /**
   * Operations that the server refused to change, for example because the task no longer accepts
   * their input.
   */
  readonly failed: number;
};

type BatchParts = {
  readonly store: Pick<Store, 'readOperation' | 'listAttempts'>;
  /** Called when a batch runs, because the engine itself is made with these tasks. */
  readonly engine: () => Engine;
};

type Change = 'changed' | 'skipped' | 'failed';

/**
 * Makes the tasks behind `POST /operations:batch-cancel`, `:batch-retry` and `:batch-remove`. A
 * batch first finds the operations that match its filter, then changes some at a time, as a client
 * would change them one by one.
 *
 * - Operations made after the millisecond in which the batch was accepted are excluded, and so are
 *   those of Raincheck's own tasks.
 * - A batch may be cut off anywhere and run again. A retry has an idempotency key derived from the
 *   batch and the failed operation: repeated, it returns the operation that it made before.
 *   Operations that the batch has cancelled are recognised by the time of the request to cancel. A
 *   removed operation leaves no trace, so a removal that begins anew also counts anew.
 * - A full queue only delays a batch.
 */
export function createBatchTasks(p: BatchParts): readonly Task[] {
  return batchActions.map((action) => {
    const { name } = batchTasks[action];
    return defineTask(name, {
      description: descriptions[action],
      input: batchSchema(action, (reading, { filter }) => {
        const kept = keptBackPath(filter, p.engine().tasks);
        if (kept === null) return;
        const member = `input.${kept.path}`;
        reading.fail(['filter', 'input', kept.path], refusal(member, kept.task));
      }),
      timeout: null,
      attempts: 5,
      run: (context) => new Batch(p, action, context).run(),
    }) as Task;
  });
}

const descriptions: Readonly<Record<BatchAction, string>> = {
  cancel: 'Cancels operations.',
  retry: 'Retries failed operations.',
  remove: 'Removes operations that are over.',
};

/** Somebody else changed the operation before its turn. */
const missed: ReadonlySet<ErrorCode> = new Set([
  'operation_not_found',
  'operation_gone',
  'operation_not_failed',
]);
/** Problems of this process or its store: the whole attempt is tried again. */
const fatal: ReadonlySet<ErrorCode> = new Set(['store_unavailable', 'shutting_down', 'internal']);

class Batch {
  readonly #store: BatchParts['store'];
  readonly #engine: Engine;
  readonly #action: BatchAction;
  readonly #context: TaskContext<BatchInput>;

  constructor(p: BatchParts, action: BatchAction, context: TaskContext<BatchInput>) {
    this.#store = p.store;
    this.#engine = p.engine();
    this.#action = action;
    this.#context = context;
  }

  async run(): Promise<Batched> {
    const own = await this.#own();
    const before = this.#action === 'cancel' ? await this.#cancelledBefore(own) : 0;
    const ids = await this.#matching(own, this.#context.input.limit - before);
    const total = before + ids.length;
    const counts = { changed: before, skipped: 0, failed: 0 };
    this.#told(before, total);
    for (let at = 0; at < ids.length; at += limits.batchChunk) {
      this.#context.signal.throwIfAborted();
      const chunk = ids.slice(at, at + limits.batchChunk);
      const changes = await Promise.all(chunk.map((id) => this.#change(id, own)));
      for (const change of changes) counts[change] += 1;
      this.#told(before + at + chunk.length, total);
    }
    return { matched: total, ...counts };
  }

  async #own(): Promise<Operation> {
    const own = await this.#store.readOperation({ id: this.#context.operation.id });
    if (own === null) throw new RaincheckError('operation_gone', 'The operation was removed.');
    return own;
  }

  /** Ids in the order of the list, newest first. */
  async #matching(own: Operation, limit: number): Promise<readonly string[]> {
    const { input, signal, progress } = this.#context;
    const ids: string[] = [];
    if (limit === 0) return ids;
    for await (const { operations } of scanOperations(this.#engine, this.#filter(own))) {
      signal.throwIfAborted();
      for (const operation of operations) {
        if (!isBatchable(operation, input) || !isOlder(operation, own)) continue;
        ids.push(operation.id);
        if (ids.length === limit) return ids;
      }
      progress(Number.NaN, `${ids.length} found so far`);
    }
    return ids;
  }

  #filter({ tenant, createdAt }: Operation) {
    const { filter } = this.#context.input;
    return { ...filter, tenant, until: Math.min(filter.until ?? Infinity, createdAt + 1) };
  }

  /**
   * How many operations an earlier attempt has cancelled. All of them waited and have ended, so the
   * filter does not find them again.
   */
  async #cancelledBefore(own: Operation): Promise<number> {
    if ((await this.#store.listAttempts({ id: own.id })).length === 0) return 0;
    const { input, signal } = this.#context;
    const filter = { ...this.#filter(own), states: ['failed'], code: 'cancelled' } as const;
    let count = 0;
    for await (const { operations } of scanOperations(this.#engine, filter)) {
      signal.throwIfAborted();
      for (const operation of operations) {
        const { cancelRequestedAt } = operation;
        if (!isBatchable(operation, input) || cancelRequestedAt === null) continue;
        if (cancelRequestedAt >= own.createdAt) count += 1;
      }
    }
    return Math.min(count, input.limit);
  }

  #told(done: number, total: number): void {
    this.#context.progress({ current: done, total }, `${done} of ${total}`);
  }

  async #change(id: string, own: Operation): Promise<Change> {
    const { signal, log } = this.#context;
    for (;;) {
      try {
        return await this.#act(id, own);
      } catch (error) {
        if (!(error instanceof RaincheckError) || fatal.has(error.code)) throw error;
        if (missed.has(error.code)) return 'skipped';
        if (error.code !== 'queue_full') {
          log.warn(`A batch could not ${this.#action} an operation: ${error.message}`, { of: id });
          return 'failed';
        }
        const { clock } = this.#engine;
        await clock.sleep((error.retryAfterSeconds ?? 1) * 1_000, signal);
        signal.throwIfAborted();
      }
    }
  }

  async #act(id: string, { id: batch, tenant }: Operation): Promise<Change> {
    if (this.#action === 'cancel') {
      const { outcome } = await this.#engine.cancel({ id, tenant });
      return outcome === 'already_final' ? 'skipped' : 'changed';
    }
    if (this.#action === 'remove') {
      await this.#engine.remove({ id, tenant });
      return 'changed';
    }
    const key = `${batch} ${id}`;
    await this.#engine.retry({ id, tenant, idempotency: { key, fingerprint: 'batch-retry' } });
    return 'changed';
  }
}

/**
 * Whether `operation` existed before the batch. Within the batch's own millisecond the clock cannot
 * tell, so retries are taken for the batch's own work from an earlier attempt.
 */
function isOlder(operation: Operation, own: Operation): boolean {
  return operation.createdAt < own.createdAt || operation.retryOf === null;
}
