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
  /** The last one that was read, whether or not it is still here; undefined: none was. */
  readonly after: Key | undefined;
  /** Nothing else was due at this instant; null: there may be more. */
  wholeAt: number | null;
};

type Key = readonly [at: number, id: string];

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
    const last = rows.at(-1);
    const after = last === undefined ? this.after(seq) : keyOf(last);
    this.drop(seq);
    if (this.#rows + rows.length > rowsMax || this.#queues.size >= rowsMax) this.clear();
    this.#queues.set(seq, { rows, at: 0, after, wholeAt });
    this.#rows += rows.length;
  }

  /** Where to read on; undefined: from the first on. */
  after(seq: number): Key | undefined {
    return this.#queues.get(seq)?.after;
  }

  /** How many more rows may be kept of one endpoint. */
  get room(): number {
    return Math.floor(rowsMax / (this.#queues.size + 1));
  }

  /** Another one waits from now on. */
  planned(seq: number, nextAt: number, id: string): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    const [afterAt, afterId] = queue.after ?? [-Infinity, ''];
    if (nextAt > afterAt || (nextAt === afterAt && id > afterId)) queue.wholeAt = null;
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

function keyOf(row: Row): Key {
  return [row[pendingColumn.nextAt] as number, row[pendingColumn.id] as string];
}
