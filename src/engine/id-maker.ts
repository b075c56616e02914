import { randomFillSync } from 'node:crypto';
import { randomBytesPerId } from '../core/id.ts';

/** One call for random bytes makes this many ids: a call for 10 bytes costs more than the bytes. */
const idsPerDraw = 400;

/** Makes ids of one kind: `form` is one of those of core/id.ts. */
export class IdMaker {
  readonly #form: (nowMs: number, random: Uint8Array, offset: number) => string;
  readonly #random = new Uint8Array(randomBytesPerId * idsPerDraw);
  #at = this.#random.length;

  constructor(form: (nowMs: number, random: Uint8Array, offset: number) => string) {
    this.#form = form;
  }

  next(nowMs: number): string {
    if (this.#at === this.#random.length) {
      randomFillSync(this.#random);
      this.#at = 0;
    }
    const id = this.#form(nowMs, this.#random, this.#at);
    this.#at += randomBytesPerId;
    return id;
  }
}
