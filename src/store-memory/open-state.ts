import { RaincheckError } from '../core/errors.ts';

/** Whether the store is still open, for all its parts. */
export class OpenState {
  #closed = false;

  close(): void {
    this.#closed = true;
  }

  require(): void {
    if (this.#closed) throw new RaincheckError('store_unavailable', 'The store is closed.');
  }
}
