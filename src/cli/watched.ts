import type { FeedEvent } from '../client/feed.ts';
import { isFinal } from '../client/wait.ts';
import { operationStatuses, type OperationStatus } from '../core/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';

/** How many operations there are in each status. */
export type Counts = Readonly<Record<OperationStatus, number>>;

/**
 * The rows of `watch`: the newest operations, each in the row it once took, so that only new ones move a row under
 * the eye. Final operations make room first, the oldest before the others.
 */
export class Watched {
  readonly #rows = new Map<string, WireOperation>();
  readonly #rowsMax: number;
  counts: Counts | null = null;
  /** The connection was lost, and something may have been missed. */
  hasGap = false;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
  }

  /** Newest first. */
  get rows(): readonly WireOperation[] {
    return [...this.#rows.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  /** Whether there is something new to see. */
  take(event: FeedEvent): boolean {
    switch (event.type) {
      case 'operation':
        this.put(event.operation);
        return true;
      case 'tick':
        this.counts = event;
        return true;
      case 'gap':
        this.hasGap = true;
        return true;
    }
  }

  put(operation: WireOperation): void {
    this.#rows.set(operation.id, operation);
    if (this.#rows.size > this.#rowsMax) this.#dropOne();
  }

  #dropOne(): void {
    const oldest = this.rows.toReversed();
    const dropped = oldest.find((one) => isFinal(one)) ?? oldest[0];
    if (dropped !== undefined) this.#rows.delete(dropped.id);
  }
}

/** '3 pending · 2 processing · 1,204 completed · 7 failed' */
export function countsText(counts: Counts): string {
  return operationStatuses
    .map((status) => `${counts[status].toLocaleString('en')} ${status}`)
    .join(' · ');
}
