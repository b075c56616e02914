import type { Clock } from '../core/clock.ts';
import type { Store } from '../store/store.ts';

const freshMs = 1_000;

/**
 * Whether the store takes writes, asked at most once a second however many callers there are: a
 * ping costs an fsync, and health checks come without a token. Callers also share an answer that is
 * under way.
 */
export class Readiness {
  readonly #store: Store;
  readonly #clock: Clock;
  #freshUntil = -Infinity;
  #answer: Promise<void> = Promise.resolve();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Rejects as the ping does. */
  ask(): Promise<void> {
    if (this.#clock.now() >= this.#freshUntil) {
      this.#freshUntil = Infinity;
      this.#answer = this.#ping();
    }
    return this.#answer;
  }

  async #ping(): Promise<void> {
    try {
      await this.#store.ping();
    } finally {
      this.#freshUntil = this.#clock.now() + freshMs;
    }
  }
}
