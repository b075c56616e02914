/**
 * A binary heap whose items may die in place. A caller that changes a record does not remove it
 * here. The heap drops items for which `isLive` is false when they come to the top, and all of them
 * when it has doubled. So every verb is O(log n), amortised, without an index of positions.
 */
export class Heap<Item> {
  readonly #before: (a: Item, b: Item) => boolean;
  readonly #isLive: (item: Item) => boolean;
  #items: Item[] = [];
  #compactAt = compactAtMin;

  /** `before`: whether `a` comes out before `b`. */
  constructor(before: (a: Item, b: Item) => boolean, isLive: (item: Item) => boolean) {
    this.#before = before;
    this.#isLive = isLive;
  }

  push(item: Item): void {
    this.#items.push(item);
    if (this.#items.length >= this.#compactAt) this.#compact();
    else this.#up(this.#items.length - 1);
  }

  /** Removes and returns the first live item. */
  pop(): Item | undefined {
    const top = this.peek();
    if (top !== undefined) this.#drop();
    return top;
  }

  /** The first live item, which stays. */
  peek(): Item | undefined {
    for (;;) {
      const top = this.#items[0];
      if (top === undefined || this.#isLive(top)) return top;
      this.#drop();
    }
  }

  #drop(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.#down(0);
  }

  #compact(): void {
    this.#items = this.#items.filter((item) => this.#isLive(item));
    this.#compactAt = Math.max(compactAtMin, this.#items.length * 2);
    for (let i = (this.#items.length >> 1) - 1; i >= 0; i -= 1) this.#down(i);
  }

  #up(from: number): void {
    const items = this.#items;
    const item = items[from] as Item;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = items[parent] as Item;
      if (!this.#before(item, above)) break;
      items[i] = above;
      i = parent;
    }
    items[i] = item;
  }

  #down(from: number): void {
    const items = this.#items;
    const item = items[from] as Item;
    let i = from;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      const right = child + 1;
      if (right < items.length && this.#before(items[right] as Item, items[child] as Item)) {
        child = right;
      }
      const below = items[child] as Item;
      if (!this.#before(below, item)) break;
      items[i] = below;
      i = child;
    }
    items[i] = item;
  }
}

const compactAtMin = 64;
