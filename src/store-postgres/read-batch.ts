type Waiting<Found> = {
  readonly resolve: (found: Found | null) => void;
  readonly reject: (error: unknown) => void;
};

/** Most ids in one query: enough to make its round trip cheap, few enough to be quick. */
const idsMax = 200;

/** Gathers the reads of one turn of the event loop, and reads the same id once. */
export class ReadBatch<Found> {
  readonly #read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Found>>;
  #waiting = new Map<string, Waiting<Found>[]>();

  constructor(read: (ids: readonly string[]) => Promise<ReadonlyMap<string, Found>>) {
    this.#read = read;
  }

  /** null: there is none. */
  read(id: string): Promise<Found | null> {
    if (this.#waiting.size === 0) setImmediate(() => this.#flush());
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) this.#waiting.set(id, [{ resolve, reject }]);
      else waiting.push({ resolve, reject });
    });
  }

  #flush(): void {
    const all = [...this.#waiting];
    this.#waiting = new Map();
    for (let at = 0; at < all.length; at += idsMax) void this.#answer(all.slice(at, at + idsMax));
  }

  async #answer(waiting: readonly (readonly [string, readonly Waiting<Found>[]])[]): Promise<void> {
    try {
      const found = await this.#read(waiting.map(([id]) => id));
      for (const [id, readers] of waiting) {
        for (const { resolve } of readers) resolve(found.get(id) ?? null);
      }
    } catch (error) {
      for (const [, readers] of waiting) for (const { reject } of readers) reject(error);
    }
  }
}
