import { describeThrown } from './handler-error.ts';
import type { Logger } from './logger.ts';

/** Logs once when something begins to fail and once when it works again, however often it is tried. */
export class Outage {
  readonly #logger: Logger;
  readonly #what: string;
  #failures = 0;

  /** `what` completes "Cannot …", e.g. 'claim operations'. */
  constructor(logger: Logger, what: string) {
    this.#logger = logger;
    this.#what = what;
  }

  failed(error: unknown): void {
    this.#failures += 1;
    if (this.#failures > 1) return;
    this.#logger.error({ err: describeThrown(error) }, `Cannot ${this.#what}; trying again.`);
  }

  ended(): void {
    if (this.#failures === 0) return;
    this.#logger.info({ failures: this.#failures }, `Can ${this.#what} again.`);
    this.#failures = 0;
  }
}
