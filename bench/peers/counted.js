/**
 * Counts for the bench, which asks every few ms until all is done. They come from memory until the
 * handler has seen everything that this process accepted, and then from the database, by `exact()`.
 * So no counting of rows slows a peer down.
 */
export class Counted {
  accepted = 0;
  handled = 0;
  #exact;

  constructor(exact) {
    this.#exact = exact;
  }

  async counts() {
    if (this.handled < this.accepted) {
      const pending = this.accepted - this.handled;
      return { pending, processing: 0, completed: this.handled, failed: 0 };
    }
    return this.#exact();
  }
}
