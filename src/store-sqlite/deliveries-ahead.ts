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
  /** Those that are left, the next one last. */
  rows: Row[];
  /** The last one that was read, whether or not it is still here; undefined: none was. */
  after: Key | undefined;
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
    for (let row = queue.rows.at(-1); row !== undefined; row = queue.rows.at(-1)) {
      if ((row[pendingColumn.expiresAt] as number) > now) return row;
      this.taken(seq);
    }
    return undefined;
  }

  /** Whether there is nothing behind the last one that is known. */
  isWhole(seq: number, now: number): boolean {
    return this.#queues.get(seq)?.wholeAt === now;
  }

  /** What first() gave is claimed. */
  taken(seq: number): void {
    if (this.#queues.get(seq)?.rows.pop() !== undefined) this.#rows -= 1;
  }

  /** All that the endpoint has due now, up to so many; `wholeAt`: and that is all. */
  keep(seq: number, rows: readonly Row[], wholeAt: number | null): void {
    const known = this.#queues.get(seq);
    const last = rows.at(-1);
    const kept = {
      rows: rows.toReversed(),
      after: last === undefined ? known?.after : keyOf(last),
      wholeAt,
    };
    this.#rows += rows.length - (known?.rows.length ?? 0);
    // Not in the place of another in the map: a map that is moved to a larger table keeps what was in the one before, as long
    // as the collector has not looked at that, and so all that was ever in it.
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
