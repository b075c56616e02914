import type { WaitingDelivery } from './delivery-rows.ts';
import { SlotMap } from './slot-map.ts';

/**
 * Due deliveries that are known without reading the file, by endpoint, in the order in which they
 * are to be taken: those that this process created and has not claimed yet, and those that a claim
 * read together with others. An endpoint with attempts in flight is claimed from again when one of
 * them has ended, and a row read with fifteen others costs less than half of one read alone. The
 * endpoint's place also follows from the first of them.
 *
 * Of each endpoint here this holds: a waiting delivery that is not in its queue comes after
 * `after`, and is not planned before `restAt`. So this class must be told of everything that is
 * written among its deliveries, or that takes one out other than a claim from the front.
 */
type Queue = {
  readonly seq: number;
  rows: WaitingDelivery[];
  /** The index in `rows` of the next one; those before it are taken. */
  head: number;
  /** The last delivery that was in the queue; undefined: there was none. */
  after: Key | undefined;
  restAt: number;
};

type Key = readonly [at: number, id: string];

/** Most queues; an empty one makes room for another endpoint, if there is one. */
const queuesMax = 1_024;

/**
 * With this many rows in all queues together, or this many characters of their bodies, nothing that
 * is created is held, and a claim reads only what it takes.
 */
const rowsMax = 8_192;
const charsMax = 16 * 1_048_576;

export class DeliveriesAhead {
  #queues = new SlotMap<Queue, number>();
  #rows = 0;
  #chars = 0;

  /** The next delivery of the endpoint that has not expired at `now`; undefined: none is known. */
  first(seq: number, now: number): WaitingDelivery | undefined {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return undefined;
    for (let row = queue.rows[queue.head]; row !== undefined; row = queue.rows[queue.head]) {
      if (row.row.delivery.expiresAt > now) return row;
      this.#take(queue);
    }
    return undefined;
  }

  /** Whether no delivery but those known here is planned before `at`. */
  isWholeBefore(seq: number, at: number): boolean {
    return (this.#queues.get(seq)?.restAt ?? -Infinity) >= at;
  }

  /** The delivery that first() returned is claimed. */
  taken(seq: number): void {
    const queue = this.#queues.get(seq);
    if (queue !== undefined) this.#take(queue);
  }

  /**
   * Keeps due deliveries of the endpoint, which a claim has read in order because none was known.
   * None of the others that wait is planned before `restAt`.
   */
  keep(seq: number, rows: readonly WaitingDelivery[], restAt: number): void {
    const queue = this.#queueOf(seq);
    for (const row of rows) this.#push(queue, row);
    queue.restAt = restAt;
  }

  /** No delivery of the endpoint waits but those known here. */
  nothingElse(seq: number): void {
    this.#queueOf(seq).restAt = Infinity;
  }

  /** Where to read on; undefined: from the first delivery on. */
  after(seq: number): Key | undefined {
    return this.#queues.get(seq)?.after;
  }

  /** How many rows may be read that are not taken at once. */
  get room(): number {
    return this.#chars < charsMax ? Math.max(0, rowsMax - this.#rows) : 0;
  }

  /** A delivery was created. One that does not wait (`nextAt` is null) changes nothing here. */
  created(seq: number, row: WaitingDelivery): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    const { nextAt, id } = row.row.delivery;
    const hasRoom = this.#rows < rowsMax && this.#chars + row.body.length <= charsMax;
    if (nextAt !== null && hasRoom && nextAt < queue.restAt) this.#insert(queue, row);
    else if (nextAt !== null) this.planned(seq, nextAt, id);
  }

  /** Another delivery waits from now on. */
  planned(seq: number, nextAt: number, id: string): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    if (queue.after !== undefined && !isBefore(queue.after, [nextAt, id])) this.drop(seq);
    else queue.restAt = Math.min(queue.restAt, nextAt);
  }

  /** What is known of the endpoint is out of date. */
  drop(seq: number): void {
    const queue = this.#queues.get(seq);
    if (queue === undefined) return;
    this.#empty(queue);
    this.#queues.delete(seq);
  }

  clear(): void {
    this.#queues = new SlotMap();
    this.#rows = 0;
    this.#chars = 0;
  }

  #queueOf(seq: number): Queue {
    const known = this.#queues.get(seq);
    if (known !== undefined) return known;
    if (this.#queues.size >= queuesMax) this.#makeRoom();
    const queue: Queue = { seq, rows: [], head: 0, after: undefined, restAt: -Infinity };
    this.#queues.set(seq, queue);
    return queue;
  }

  #makeRoom(): void {
    let any: Queue | undefined;
    for (const queue of this.#queues.values()) {
      any ??= queue;
      if (queue.head < queue.rows.length) continue;
      any = queue;
      break;
    }
    if (any !== undefined) this.drop(any.seq);
  }

  #insert(queue: Queue, row: WaitingDelivery): void {
    const key = keyOf(row);
    const { rows } = queue;
    let at = rows.length;
    // Ids of one ms are in no order.
    if (queue.after !== undefined && isBefore(key, queue.after)) {
      for (; at > queue.head; at -= 1) {
        const before = rows[at - 1];
        if (before === undefined || isBefore(keyOf(before), key)) break;
      }
      rows.splice(at, 0, row);
      this.#count(row, 1);
    } else this.#push(queue, row);
  }

  #push(queue: Queue, row: WaitingDelivery): void {
    queue.rows.push(row);
    queue.after = keyOf(row);
    this.#count(row, 1);
  }

  #take(queue: Queue): void {
    const { rows, head } = queue;
    const row = rows[head];
    if (row === undefined) return;
    this.#count(row, -1);
    queue.head += 1;
    // What was taken must not be kept alive for long.
    if (queue.head >= rows.length || queue.head >= 32) {
      queue.rows = rows.slice(queue.head);
      queue.head = 0;
    }
  }

  #empty(queue: Queue): void {
    for (const row of queue.rows.slice(queue.head)) this.#count(row, -1);
  }

  #count(row: WaitingDelivery, by: 1 | -1): void {
    this.#rows += by;
    this.#chars += by * row.body.length;
  }
}

function keyOf({ row: { delivery } }: WaitingDelivery): Key {
  return [delivery.nextAt ?? 0, delivery.id];
}

function isBefore([at, id]: Key, [otherAt, otherId]: Key): boolean {
  return at < otherAt || (at === otherAt && id < otherId);
}
