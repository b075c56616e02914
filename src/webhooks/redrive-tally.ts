import type { Delivery } from '../core/delivery.ts';
import type { SteerOutcome } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';

const prefix = 'redrive:';

/** How far a redrive has come, over all its attempts. */
type Tally = {
  readonly changed: number;
  /** Deliveries that were skipped and that the filter does not find again. */
  readonly passed: number;
  /** Deliveries that were about to be changed when this was written. */
  readonly underWay: readonly string[];
};

type TallyParts = {
  readonly store: Pick<
    Store,
    'readDelivery' | 'readOperation' | 'readNotes' | 'writeNote' | 'removeNotes'
  >;
  /** The id of the operation. */
  readonly id: string;
  /** Whether the filter finds the delivery and this redrive may change it. */
  readonly isWaiting: (delivery: Delivery) => Promise<boolean>;
};

/**
 * What a redrive did, kept in a note of the store, so that the attempt after a crash reports all
 * that was done and not only its own part. Before each change the note names the deliveries about
 * to be changed. The attempt that finds the note looks at them: those that no longer wait count as
 * changed.
 *
 * The note of a finished redrive is removed by the next redrive, since it may be needed until the
 * result is stored.
 */
export class RedriveTally {
  changed = 0;
  passed = 0;
  readonly #p: TallyParts;

  constructor(p: TallyParts) {
    this.#p = p;
  }

  /** Takes over the counts of earlier attempts. */
  async load(now: number): Promise<void> {
    const { store, id } = this.#p;
    const own = prefix + id;
    const over: string[] = [];
    for (const { name, text } of await store.readNotes({ prefix, now })) {
      if (name === own) await this.#take(JSON.parse(text) as Tally);
      else if (await isOver(store, name.slice(prefix.length))) over.push(name);
    }
    if (over.length > 0) await store.removeNotes({ names: over, unwrittenMs: 0, now });
  }

  /** Notes that the deliveries `underWay` are changed next, once this has resolved. */
  begin(underWay: readonly string[], now: number): Promise<void> {
    const { store, id } = this.#p;
    const tally: Tally = { changed: this.changed, passed: this.passed, underWay };
    return store.writeNote({ name: prefix + id, text: JSON.stringify(tally), now });
  }

  async add(outcomes: readonly SteerOutcome[]): Promise<void> {
    for (const steered of outcomes) {
      if (steered.outcome === 'applied') this.changed += 1;
      else if (steered.outcome === 'missing') this.passed += 1;
      else if (!(await this.#p.isWaiting(steered.delivery))) this.passed += 1;
    }
  }

  async #take({ changed, passed, underWay }: Tally): Promise<void> {
    this.changed = changed;
    this.passed = passed;
    for (const id of underWay) {
      const stored = await this.#p.store.readDelivery({ id });
      if (stored === null) this.passed += 1;
      else if (!(await this.#p.isWaiting(stored.delivery))) this.changed += 1;
    }
  }
}

async function isOver(store: TallyParts['store'], id: string): Promise<boolean> {
  const operation = await store.readOperation({ id });
  return operation === null || operation.finishedAt !== null;
}
