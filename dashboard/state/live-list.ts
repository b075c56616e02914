import { computed, signal, type ReadonlySignal, type Signal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { matches, type Filter } from './filter.ts';
import { noteLabels } from './known-labels.ts';

export const pageRows = 50;

export type OperationPage = {
  readonly rows: readonly WireOperation[];
  /** Where to go on, one for each filter ('-': that one is at its end); null: nothing is left. */
  readonly next: string | null;
  /** It gave up before the page was full: there may be more, further back. */
  readonly searchesOn: boolean;
};

/**
 * A page of operations that lives without moving: rows change where they stand, also when they no longer fit the
 * filter, and what would come in waits (`news`) until it is asked for. A list that put new rows on top made 7 of 12
 * clicks hit another row than the one that was meant.
 */
export class LiveList {
  readonly rows: ReadonlySignal<readonly Signal<WireOperation>[]>;
  /** Ids that wait to be shown. */
  readonly news = signal<ReadonlySet<string>>(new Set());
  /** Some of the news may not fit: only the server can say. */
  readonly unsure = signal(false);
  readonly #rows = signal<readonly Signal<WireOperation>[]>([]);
  #byId = new Map<string, Signal<WireOperation>>();
  #filter: Filter;
  #takesNews: boolean;

  /** `takesNews`: it is the first page. */
  constructor(filter: Filter, takesNews: boolean) {
    this.rows = computed(() => this.#rows.value);
    this.#filter = filter;
    this.#takesNews = takesNews;
  }

  put(page: OperationPage): void {
    noteLabels(page.rows);
    // The same signal for who is still there, so that a row that is pointed at stays the same element.
    const rows = page.rows.map((operation) => {
      const row = this.#byId.get(operation.id) ?? signal(operation);
      row.value = operation;
      return row;
    });
    this.#byId = new Map(rows.map((row) => [row.peek().id, row]));
    this.#rows.value = rows;
    this.news.value = new Set();
    this.unsure.value = false;
  }

  /** The page as it is by now, after something was missed: as if the feed had told all of it. */
  catchUp(page: OperationPage): void {
    if (this.#rows.peek().length === 0) return this.put(page);
    noteLabels(page.rows);
    for (const operation of page.rows) this.take(operation);
  }

  /** What the feed told. */
  take(operation: WireOperation): void {
    const row = this.#byId.get(operation.id);
    if (row !== undefined) {
      row.value = operation;
      return;
    }
    if (!this.#takesNews || !this.#wouldBeSeen(operation)) return;
    const fits = matches(this.#filter, operation);
    if (fits === false || this.news.peek().has(operation.id)) return;
    if (fits === null) this.unsure.value = true;
    this.news.value = new Set(this.news.peek()).add(operation.id);
  }

  #wouldBeSeen({ created_at }: WireOperation): boolean {
    const rows = this.#rows.peek();
    const last = rows.at(-1)?.peek();
    return rows.length < pageRows || last === undefined || created_at >= last.created_at;
  }
}
