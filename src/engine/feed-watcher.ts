import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { TaskRecord } from '../store/store.ts';

/** Selects operations: those of the tenant, and of one task when it is named. */
export type FeedFilter = { readonly tenant: string; readonly task: string | null };

export type FeedEvent =
  /** The operation was accepted or has changed; this is its present state. */
  | { readonly type: 'operation'; readonly operation: Operation }
  /** The counters of all tasks, or of the named one: at once, and then every limits.feedTickMs. */
  | { readonly type: 'tick'; readonly records: readonly TaskRecord[] }
  /** At least so many changes, of any task, were left out: reload what must be exact. */
  | { readonly type: 'gap'; readonly missed: number };

/**
 * What one reader of the feed has not received yet: the newest state of each operation, and the
 * last tick. A slow reader holds at most limits.feedBacklog operations; beyond that the oldest is
 * dropped and counted.
 */
export class FeedWatcher {
  readonly #filter: FeedFilter;
  readonly #operations = new Map<string, Operation>();
  #records: readonly TaskRecord[] | null = null;
  #missed = 0;
  #ended = false;
  #wake = (): void => undefined;

  constructor(filter: FeedFilter) {
    this.#filter = filter;
  }

  operation(operation: Operation): void {
    const { tenant, task } = this.#filter;
    if (operation.tenant !== tenant || (task !== null && operation.task !== task)) return;
    this.#operations.set(operation.id, operation);
    if (this.#operations.size > limits.feedBacklog) {
      const [oldest = ''] = this.#operations.keys();
      this.#operations.delete(oldest);
      this.#missed += 1;
    }
    this.#wake();
  }

  tick(records: readonly TaskRecord[]): void {
    const { task } = this.#filter;
    this.#records = task === null ? records : records.filter((record) => record.task === task);
    this.#wake();
  }

  gap(missed: number): void {
    this.#missed += missed;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *events(): AsyncGenerator<FeedEvent> {
    while (!this.#ended) {
      const event = this.#next();
      if (event !== null) yield event;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #next(): FeedEvent | null {
    if (this.#missed > 0) {
      const missed = this.#missed;
      this.#missed = 0;
      return { type: 'gap', missed };
    }
    for (const [id, operation] of this.#operations) {
      this.#operations.delete(id);
      return { type: 'operation', operation };
    }
    const records = this.#records;
    this.#records = null;
    return records === null ? null : { type: 'tick', records };
  }
}
