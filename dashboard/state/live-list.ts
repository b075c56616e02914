import { computed, signal, type ReadonlySignal, type Signal } from '@preact/signals';
import type { WireOperation } from 'raincheck/client';
import { matches, type Filter } from './filter.ts';
import { noteLabels } from './known-labels.ts';

export const pageRows = 50;

export type OperationPage = {
  readonly rows: readonly WireOperation[];
  /**
   * Where the next page begins, for each filter ('-': that one is at its end); null: there is no
   * more.
   */
  readonly next: string | null;
  /** The search stopped before the page was full. There may be more matches further back. */
  readonly searchesOn: boolean;
};

/**
 * A page of operations that updates without moving. Rows change in place, even when they no longer
 * match the filter, and new ones wait in `news` until the reader asks for them. In a list that put
 * new rows on top, 7 of 12 clicks hit another row than the intended one.
 */
export class LiveList {
  readonly rows: ReadonlySignal<readonly Signal<WireOperation>[]>;
  /** Ids of operations that wait to be shown. */
  readonly news = signal<ReadonlySet<string>>(new Set());
  /** Whether some of the news may not match; only the server can say. */
  readonly unsure = signal(false);
  readonly #rows = signal<readonly Signal<WireOperation>[]>([]);
  #byId = new Map<string, Signal<WireOperation>>();
  #filter: Filter;
  #takesNews: boolean;

  /** `takesNews`: this is the first page, where new operations belong. */
  constructor(filter: Filter, takesNews: boolean) {
    this.rows = computed(() => this.#rows.value);
    this.#filter = filter;
    this.#takesNews = takesNews;
  }

  put(page: OperationPage): void {
    noteLabels(page.rows);
    // Rows that stay keep their signal, so that a row under the pointer stays the same element.
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

  /** Applies the current page after changes were missed, as if the feed had brought them. */
  catchUp(page: OperationPage): void {
    if (this.#rows.peek().length === 0) return this.put(page);
    noteLabels(page.rows);
    for (const operation of page.rows) this.take(operation);
  }

  /** Applies a change from the feed. */
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
