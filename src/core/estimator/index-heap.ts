/** A heap of numbers with keys: the smallest key is on top, equal keys are ordered by number. */
export class IndexHeap {
  readonly #keys: number[] = [];
  readonly #items: number[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The smallest key; Infinity when empty. */
  get topKey(): number {
    return this.#keys[0] ?? Infinity;
  }

  clear(): void {
    this.#keys.length = 0;
    this.#items.length = 0;
  }

  push(key: number, item: number): void {
    let i = this.#items.length;
    this.#keys.push(key);
    this.#items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#isBefore(parent, key, item)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#keys[i] = key;
    this.#items[i] = item;
  }

  /** Removes and returns the item of the smallest key; -1 when empty. */
  pop(): number {
    const top = this.#items[0];
    const key = this.#keys.pop();
    const item = this.#items.pop();
    if (top === undefined || key === undefined || item === undefined) return -1;
    const size = this.#items.length;
    if (size === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && !this.#isBefore(child, this.#key(child + 1), this.#item(child + 1))) {
        child += 1;
      }
      if (!this.#isBefore(child, key, item)) break;
      this.#move(child, i);
      i = child;
    }
    this.#keys[i] = key;
    this.#items[i] = item;
    return top;
  }

  #key(i: number): number {
    return this.#keys[i] as number;
  }

  #item(i: number): number {
    return this.#items[i] as number;
  }

  #move(from: number, to: number): void {
    this.#keys[to] = this.#key(from);
    this.#items[to] = this.#item(from);
  }

  #isBefore(i: number, key: number, item: number): boolean {
    const own = this.#key(i);
    return own < key || (own === key && this.#item(i) < item);
  }
}
