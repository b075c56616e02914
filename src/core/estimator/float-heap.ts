/**
 * A binary min-heap in the first `size` elements of an array of numbers, for the simulation of
 * worker slots: the top is the instant at which the next slot frees. Plain functions on a reused
 * array, since 64 futures a forecast would otherwise create 64 heaps of garbage.
 */
export function heapify(heap: Float64Array, size: number): void {
  for (let i = (size >> 1) - 1; i >= 0; i -= 1) siftDown(heap, size, i);
}

/** Restores the heap after the element at `from` has grown. */
export function siftDown(heap: Float64Array, size: number, from: number): void {
  const value = heap[from] as number;
  let i = from;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= size) break;
    let below = heap[child] as number;
    if (child + 1 < size) {
      const right = heap[child + 1] as number;
      if (right < below) {
        child += 1;
        below = right;
      }
    }
    if (below >= value) break;
    heap[i] = below;
    i = child;
  }
  heap[i] = value;
}
