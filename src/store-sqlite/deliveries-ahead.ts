import type { Row } from './connection.ts';
import { pendingColumn } from './delivery-rows.ts';

/**
 * Due deliveries that a claim has read but not taken, by endpoint, in the order in which they are
 * to be taken. An endpoint with attempts in flight is claimed from again when one of them has
 * ended, and a row read with fifteen others costs less than half of one read alone. The endpoint's
 * place also follows from the first of them.
 *
 * A queue begins with the first waiting delivery that has not expired, and has no gaps. So this
 * class must be told of everything that is written among its deliveries, or that takes one out
 * other than a claim from the front.
 */
type Queue = {
  /** The deliveries that are left, the next one last. */
  rows: Row[];
  /** The last delivery that was read, whether or not it is still here; undefined: none was read. */
  after: Key | undefined;
  /** The instant at which no other delivery was due; null: there may be more. */
  wholeAt: number | null;
};

type Key = readonly [at: number, id: string];

/** Most rows of all queues together, and most queues; 4 MiB of bodies of the usual size. */
const rowsMax = 1_024;

export class DeliveriesAhead {
  readonly #queues = new Map<number, Queue>();
  #rows = 0;

  /** The next delivery of the endpoint that has not expired at `now`; undefined: none is known. */
  first(seq: number, now: number): Row | undefined {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return undefined;
    for (let row = queue.rows.at(-1); row !== undefined; row = queue.rows.at(-1)) {
      if ((row[pendingColumn.expiresAt] as number) > now) return row;
      this.taken(seq);
    }
    return undefined;
  }

  /** Whether no delivery is due behind the last one that is known. */
  isWhole(seq: number, now: number): boolean {
    return this.#queues.get(seq)?.wholeAt === now;
  }

  /** The delivery that first() returned is claimed. */
  taken(seq: number): void {
    if (this.#queues.get(seq)?.rows.pop() !== undefined) this.#rows -= 1;
  }

  /**
   * Keeps due deliveries of the endpoint, read in order; `wholeAt`: the instant at which no more
   * were due.
   */
  keep(seq: number, rows: readonly Row[], wholeAt: number | null): void {
    const known = this.#queues.get(seq);
    const last = rows.at(-1);
    const kept = {
      rows: rows.toReversed(),
      after: last === undefined ? known?.after : keyOf(last),
      wholeAt,
    };
    this.#rows += rows.length - (known?.rows.length ?? 0);
    // The known queue is changed, not replaced in the map: a Map that grows into a larger table keeps
    // its former table alive until a full collection, and so everything that was ever in it.
    if (known !== undefined) Object.assign(known, kept);
    else this.#add(seq, kept);
  }

  #add(seq: number, queue: Queue): void {
    if (this.#rows > rowsMax || this.#queues.size >= rowsMax) {
      this.clear();
      this.#rows = queue.rows.length;
    }
    this.#queues.set(seq, queue);
  }

  /** Where to read on; undefined: from the first delivery on. */
  after(seq: number): Key | undefined {
    return this.#queues.get(seq)?.after;
  }

  /** How many rows may be kept for one more endpoint. */
  get room(): number {
    return Math.floor(rowsMax / (this.#queues.size + 1));
  }

  /** Another delivery waits from now on. */
  planned(seq: number, nextAt: number, id: string): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    const [afterAt, afterId] = queue.after ?? [-Infinity, ''];
    if (nextAt > afterAt || (nextAt === afterAt && id > afterId)) queue.wholeAt = null;
    else this.drop(seq);
  }

  /** What is known of the endpoint is out of date. */
  drop(seq: number): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    this.#rows -= queue.rows.length;
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
