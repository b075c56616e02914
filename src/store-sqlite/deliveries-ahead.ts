import type { Row } from './connection.ts';
import { pendingColumn } from './delivery-rows.ts';

/**
 * Due deliveries that a claim has read and left, by endpoint, in the order in which they are to be taken. An endpoint that is
 * being sent to is claimed from again when one of its attempts has ended, and a row read with fifteen others costs less
 * than half of one read alone. The first of them is also what the endpoint's place follows from.
 *
 * A queue begins with the first of what waits in time, without a gap: what is written among it, or takes something out of it but a
 * claim from its front, must be told here.
 */
type Queue = {
  readonly rows: readonly Row[];
  at: number;
  /** Nothing else was due at this instant; null: there may be more. */
  wholeAt: number | null;
};

/** Rows, of all queues; and queues. 4 MiB of bodies as they are. */
const rowsMax = 1_024;

export class DeliveriesAhead {
  readonly #queues = new Map<number, Queue>();
  #rows = 0;

  /** The next one of the endpoint that is in time at `now`; undefined: none is known. */
  first(seq: number, now: number): Row | undefined {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return undefined;
    for (; queue.at < queue.rows.length; queue.at += 1, this.#rows -= 1) {
      const row = queue.rows[queue.at];
      if (row !== undefined && (row[pendingColumn.expiresAt] as number) > now) return row;
    }
    return undefined;
  }

  /** Whether there is nothing behind the last one that is known. */
  isWhole(seq: number, now: number): boolean {
    return this.#queues.get(seq)?.wholeAt === now;
  }

  /** What first() gave is claimed. */
  taken(seq: number): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    queue.at += 1;
    this.#rows -= 1;
  }

  /** All that the endpoint has due now, up to so many; `wholeAt`: and that is all. */
  keep(seq: number, rows: readonly Row[], wholeAt: number | null): void {
    this.drop(seq);
    if (this.#rows + rows.length > rowsMax || this.#queues.size >= rowsMax) this.clear();
    this.#queues.set(seq, { rows, at: 0, wholeAt });
    this.#rows += rows.length;
  }

  /** Another one waits from now on. */
  planned(seq: number, nextAt: number, id: string): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    const last = queue.at < queue.rows.length ? queue.rows.at(-1) : undefined;
    const lastAt = last?.[pendingColumn.nextAt] as number | undefined;
    const isBehind =
      lastAt !== undefined &&
      (nextAt > lastAt || (nextAt === lastAt && id > (last?.[pendingColumn.id] as string)));
    if (isBehind) queue.wholeAt = null;
    else this.drop(seq);
  }

  /** What waits at the endpoint is other than is known. */
  drop(seq: number): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    this.#rows -= queue.rows.length - queue.at;
    this.#queues.delete(seq);
  }

  clear(): void {
    this.#queues.clear();
    this.#rows = 0;
  }
}
