import type { Operation } from '../core/operation.ts';
import type { Row } from './connection.ts';

/** What a claim needs to know of an operation; `input` null: it stands in the table of the long ones. */
export type Candidate = {
  readonly seq: number;
  readonly operation: Operation;
  readonly input: string | null;
};

/** Some commits of what may come at once; a MiB of inputs. */
const freshMax = 1_000;

/**
 * Operations that were made ready here a moment ago, as they were made, by seq: most are claimed in the same commit, and
 * the claim need not read 36 columns of what this process has just written. A claim costs 3.4 µs so instead of 4.5 (batches
 * of 32, quartile of 2,000, 2 shared cores).
 *
 * True of an operation that is ready and was never claimed: only its state has changed since, if anything. So
 * whoever asks has found its row ready, and the claim forgets it. An id is compared, as a seq may be given again after a
 * removal or a rollback.
 */
export class FreshOperations {
  readonly #bySeq = new Map<number, Candidate>();

  get size(): number {
    return this.#bySeq.size;
  }

  /** `pending` wait in all: behind more than are kept here it will not be claimed soon, and is not kept. */
  add(made: Candidate, pending: number): void {
    if (pending >= freshMax) return;
    // Of those that will never be claimed. Not the oldest alone: a Map looks for its first past all that were deleted.
    if (this.#bySeq.size >= freshMax) this.#bySeq.clear();
    this.#bySeq.set(made.seq, made);
  }

  /** All of `rows` (seq, id), which are ready; null: one of them is not known here. */
  all(rows: readonly Row[]): Candidate[] | null {
    const found: Candidate[] = [];
    for (const [seq, id] of rows) {
      const candidate = this.#bySeq.get(seq as number);
      if (candidate === undefined || candidate.operation.id !== id) return null;
      found.push(candidate);
    }
    return found;
  }

  /** It is claimed: when it is ready again, it is another. */
  forget(seq: number): void {
    this.#bySeq.delete(seq);
  }
}
