import type { Operation } from '../core/operation.ts';
import type { Row } from './connection.ts';

/** What a claim needs to know of an operation; `input` null: it is in the table of long inputs. */
export type Candidate = {
  readonly seq: number;
  readonly operation: Operation;
  readonly input: string | null;
};

/** Enough for some commits of what may arrive at once; a MiB of inputs. */
const freshMax = 1_000;

/**
 * Operations that were created ready by this process a moment ago, as they were created, by seq.
 * Most are claimed in the same commit, and then the claim need not read 36 columns that this
 * process has just written. So a claim costs 3.4 µs instead of 4.5 (batches of 32, quartile of
 * 2,000, 2 shared cores).
 *
 * The copy is valid while the operation is ready and was never claimed, because until then only its
 * state can have changed. So callers must have found its row ready, and the claim forgets it. The
 * id is compared too, since a seq may be reused after a removal or a rollback.
 */
export class FreshOperations {
  readonly #bySeq = new Map<number, Candidate>();

  get size(): number {
    return this.#bySeq.size;
  }

  /**
   * `pending` operations wait in all. When that is more than are kept here, this one will not be
   * claimed soon and is not kept.
   */
  add(made: Candidate, pending: number): void {
    if (pending >= freshMax) return;
    // Full of operations that will never be claimed. All are dropped, not only the oldest: a Map
    // looks for its first entry past all that were deleted.
    if (this.#bySeq.size >= freshMax) this.#bySeq.clear();
    this.#bySeq.set(made.seq, made);
  }

  /**
   * The candidates for all of `rows` (seq, id), which are ready; null: one of them is not known
   * here.
   */
  all(rows: readonly Row[]): Candidate[] | null {
    const found: Candidate[] = [];
    for (const [seq, id] of rows) {
      const candidate = this.#bySeq.get(seq as number);
      if (candidate === undefined || candidate.operation.id !== id) return null;
      found.push(candidate);
    }
    return found;
  }

  /** The operation is claimed: when it is ready again, its record differs. */
  forget(seq: number): void {
    this.#bySeq.delete(seq);
  }
}
