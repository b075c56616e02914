import { heapify, siftDown } from './float-heap.ts';
import { drawRemaining, type Residual } from './residual.ts';
import type { Random } from './random.ts';

/** A queue without caps and delays: every slot takes the next operation as soon as it is free. */
export type SlotQueue = {
  /** Live worker slots, at least 1. */
  readonly slots: number;
  /** Operations that hold a slot; more than there are slots while workers drain. */
  readonly busy: readonly Residual[];
  /** Waiting operations in the order of claims. */
  readonly ahead: readonly Residual[];
};

/**
 * Plays futures of a slot queue. In each, every busy slot frees after a draw of what remains, then
 * each operation ahead takes the earliest free slot for a draw of its task.
 */
export class SlotSimulation {
  #heap = new Float64Array(256);

  /**
   * Plays one future. `starts[i]` becomes the wait of the operation at `positions[i]`, where 0 is
   * the first waiting operation and `ahead.length` one that comes after all of them. Positions must
   * ascend; operations after the last position are not drawn.
   */
  play(
    queue: SlotQueue,
    random: Random,
    out: { readonly positions: ArrayLike<number>; readonly starts: Float64Array },
  ): void {
    const { positions, starts } = out;
    const { ahead } = queue;
    const size = this.#freeSlots(queue, random);
    const heap = this.#heap;
    let at = 0;
    for (let i = 0; i < positions.length; i += 1) {
      const position = Math.min(positions[i] as number, ahead.length);
      for (; at < position; at += 1) {
        heap[0] = (heap[0] as number) + drawRemaining(ahead[at] as Residual, random());
        siftDown(heap, size, 0);
      }
      starts[i] = heap[0] as number;
    }
  }

  /**
   * Fills the heap with the instants at which the slots become free, and returns how many there
   * are.
   */
  #freeSlots({ slots, busy }: SlotQueue, random: Random): number {
    const size = Math.max(slots, busy.length);
    if (this.#heap.length < size) this.#heap = new Float64Array(size * 2);
    const heap = this.#heap;
    heap.fill(0, 0, size - busy.length);
    for (let i = 0; i < busy.length; i += 1) {
      heap[size - 1 - i] = drawRemaining(busy[i] as Residual, random());
    }
    if (busy.length <= slots) {
      heapify(heap, size);
      return size;
    }
    // Workers drain: the first operations to end are not replaced. A sorted array is heap-ordered.
    heap.subarray(0, size).sort();
    heap.copyWithin(0, size - slots, size);
    return slots;
  }
}
