/**
 * Ids in order, for lists. A new id sorts last, or nearly so within one millisecond, so adding is
 * cheap.
 */
export class OrderedIds {
  readonly #kept: { readonly size: number; has(id: string): boolean };
  /** Ascending; removed ids stay until they are half of the array. */
  #ids: string[] = [];

  /** `kept`: the ids that still exist. */
  constructor(kept: { readonly size: number; has(id: string): boolean }) {
    this.#kept = kept;
  }

  add(id: string): void {
    if (this.#ids.length > 64 && this.#ids.length > 2 * this.#kept.size) {
      this.#ids = this.#ids.filter((known) => this.#kept.has(known) && known !== id);
    }
    const at = this.#firstFrom(id);
    if (this.#ids[at] !== id) this.#ids.splice(at, 0, id);
  }

  /**
   * One page, newest first. `find` returns the value to list for an id, or null when the filter
   * excludes it.
   */
  page<Value>(p: {
    /** The page has at most `limit` values and looks at no more than `scanMax` ids. */
    readonly limit: number;
    readonly scanMax: number;
    /** Only ids smaller than each of `before`, and not smaller than `floor`. */
    readonly before: readonly (string | null | undefined)[];
    readonly floor?: string | undefined;
    readonly find: (id: string) => Value | null;
  }): { values: Value[]; nextBeforeId: string | null } {
    let at = this.#ids.length;
    for (const id of p.before) {
      if (typeof id === 'string') at = Math.min(at, this.#firstFrom(id));
    }
    const values: Value[] = [];
    let nextBeforeId: string | null = null;
    for (let looked = 0; at > 0;) {
      at -= 1;
      const id = this.#ids[at] as string;
      if (p.floor !== undefined && id < p.floor) break;
      if (!this.#kept.has(id)) continue;
      const found = p.find(id);
      if ((found !== null && values.length === p.limit) || looked === p.scanMax) {
        return { values, nextBeforeId };
      }
      if (found !== null) values.push(found);
      nextBeforeId = id;
      looked += 1;
    }
    return { values, nextBeforeId: null };
  }

  /** Index of the first id that is not smaller than `id`. */
  #firstFrom(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as string) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
