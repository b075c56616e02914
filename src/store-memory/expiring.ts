import { Heap } from './heap.ts';

type Item<Value> = { readonly name: string; readonly value: Value; readonly expiresAt: number };

/**
 * A map whose entries stay, even when expired, until `takeExpired` removes them, earliest expiry
 * first.
 */
export class Expiring<Value> {
  readonly #items = new Map<string, Item<Value>>();
  readonly #queue = new Heap<Item<Value>>(
    (a, b) => a.expiresAt < b.expiresAt,
    (item) => this.#items.get(item.name) === item,
  );

  get(name: string): Item<Value> | undefined {
    return this.#items.get(name);
  }

  set(name: string, value: Value, expiresAt: number): void {
    const item = { name, value, expiresAt };
    this.#items.set(name, item);
    this.#queue.push(item);
  }

  delete(name: string): void {
    this.#items.delete(name);
  }

  /** Removes at most `limit` entries that expired at `now` or before, and returns their names. */
  takeExpired(now: number, limit: number): string[] {
    const names: string[] = [];
    while (names.length < limit) {
      const first = this.#queue.peek();
      if (first === undefined || first.expiresAt > now) break;
      this.#items.delete(first.name);
      names.push(first.name);
    }
    return names;
  }
}
