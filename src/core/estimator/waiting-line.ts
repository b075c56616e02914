/** What decides when a waiting operation is claimed. */
export type Queued = {
  readonly id: string;
  readonly task: string;
  /** Operations of one task with the same key share its `keyConcurrency`; null: no key. */
  readonly key: string | null;
  /** Higher goes first. */
  readonly priority: number;
  /** Not claimed before this instant. */
  readonly readyAt: number;
};

/** Compares by the order of claims, as in core/operation.ts; negative when `a` goes first. */
export function claimOrder(a: Queued, b: Queued): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.readyAt !== b.readyAt) return a.readyAt - b.readyAt;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

const chunkMax = 512;

/**
 * Waiting operations in the order of claims. They are kept in sorted chunks, so that with a million
 * of them an insert, a removal or counting those ahead costs a few µs. An entry must not change
 * while it is in the line.
 */
export class WaitingLine<Entry extends Queued> {
  #chunks: Entry[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entry: Entry): void {
    const { chunk, at, index } = this.#place(entry);
    this.#size += 1;
    if (chunk === undefined) {
      this.#chunks.push([entry]);
      return;
    }
    const isLast = at === chunk.length && index === this.#chunks.length - 1;
    if (isLast && at >= chunkMax) {
      this.#chunks.push([entry]);
      return;
    }
    if (isLast) chunk.push(entry);
    else chunk.splice(at, 0, entry);
    if (chunk.length > chunkMax) this.#chunks.splice(index + 1, 0, chunk.splice(chunkMax >> 1));
  }

  /** Returns whether it was in the line. */
  remove(entry: Entry): boolean {
    const { chunk, at, index } = this.#place(entry);
    if (chunk === undefined || chunk[at]?.id !== entry.id) return false;
    chunk.splice(at, 1);
    this.#size -= 1;
    if (chunk.length === 0) this.#chunks.splice(index, 1);
    return true;
  }

  /** How many go before `entry`, which need not be in the line. */
  ahead(entry: Queued): number {
    const { chunk, at, index } = this.#place(entry);
    if (chunk === undefined) return 0;
    if (index === this.#chunks.length - 1) return this.#size - chunk.length + at;
    let count = at;
    for (let i = 0; i < index; i += 1) count += this.#chunks[i]?.length ?? 0;
    return count;
  }

  /** The first `count` entries, in order. */
  first(count: number): Entry[] {
    const found: Entry[] = [];
    for (const chunk of this.#chunks) {
      if (found.length + chunk.length > count) {
        for (const entry of chunk.slice(0, count - found.length)) found.push(entry);
        break;
      }
      for (const entry of chunk) found.push(entry);
    }
    return found;
  }

  /** The place where `entry` is or would be: the chunk, and the index in it. */
  #place(entry: Queued): { chunk: Entry[] | undefined; at: number; index: number } {
    const chunks = this.#chunks;
    const last = chunks.length - 1;
    const lastChunk = chunks[last];
    if (lastChunk === undefined) return { chunk: undefined, at: 0, index: 0 };
    // New entries nearly always go to the end: one comparison there replaces twenty all over the
    // memory. A submit and counting those ahead together cost 0.85 µs instead of 1.45 where 100,000
    // wait.
    if (isBefore(lastChunk[lastChunk.length - 1], entry)) {
      return { chunk: lastChunk, at: lastChunk.length, index: last };
    }
    // The first chunk whose last entry is not before it.
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      const chunk = chunks[middle];
      if (isBefore(chunk?.[chunk.length - 1], entry)) low = middle + 1;
      else high = middle;
    }
    const chunk = chunks[low] ?? lastChunk;
    return { chunk, at: placeIn(chunk, entry), index: low };
  }
}

/** The first index whose entry is not before `entry`. */
function placeIn(chunk: readonly Queued[], entry: Queued): number {
  // Entries are nearly always removed from the front.
  if (!isBefore(chunk[0], entry)) return 0;
  let low = 1;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(chunk[middle], entry)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(a: Queued | undefined, b: Queued): boolean {
  return a !== undefined && claimOrder(a, b) < 0;
}
