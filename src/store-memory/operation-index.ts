import { smallestIdAt } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';

type Listed = { readonly operation: Operation; readonly input: string };

/** The ids in order, for lists. New ids sort last but for those of one millisecond, so adding is cheap. */
export class OperationIndex {
  readonly #entries: ReadonlyMap<string, Listed>;
  /** Ascending; removed ids stay until they are the half of it. */
  #ids: string[] = [];

  constructor(entries: ReadonlyMap<string, Listed>) {
    this.#entries = entries;
  }

  add(id: string): void {
    if (this.#ids.length > 64 && this.#ids.length > 2 * this.#entries.size) {
      this.#ids = this.#ids.filter((known) => this.#entries.has(known) && known !== id);
    }
    const at = this.#firstFrom(id);
    if (this.#ids[at] !== id) this.#ids.splice(at, 0, id);
  }

  page(p: ListOperations): OperationPage {
    const { since, until } = p.filter;
    const floor = since === undefined ? '' : smallestIdAt(since);
    let at = this.#ids.length;
    if (p.beforeId !== null) at = this.#firstFrom(p.beforeId);
    if (until !== undefined) at = Math.min(at, this.#firstFrom(smallestIdAt(until)));
    const matches = matcher(p.filter);
    const operations: Operation[] = [];
    let nextBeforeId: string | null = null;
    for (let looked = 0; at > 0;) {
      at -= 1;
      const id = this.#ids[at] as string;
      if (id < floor) break;
      const listed = this.#entries.get(id);
      if (listed === undefined) continue;
      const found = matches(listed);
      if ((found && operations.length === p.limit) || looked === limits.pageScanRows) {
        return { operations, nextBeforeId };
      }
      if (found) operations.push(listed.operation);
      nextBeforeId = id;
      looked += 1;
    }
    return { operations, nextBeforeId: null };
  }

  /** Index of the first id that is not smaller than `id`. */
  #firstFrom(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as string) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function matcher(filter: OperationFilter): (listed: Listed) => boolean {
  const labels = Object.entries(filter.labels ?? {});
  const text = filter.text === undefined ? undefined : asciiLower(filter.text);
  return ({ operation, input }) =>
    (filter.tenant === undefined || operation.tenant === filter.tenant) &&
    (filter.task === undefined || operation.task === filter.task) &&
    (filter.states === undefined || filter.states.includes(operation.state)) &&
    (filter.code === undefined || operation.error?.code === filter.code) &&
    labels.every(
      ([key, value]) => Object.hasOwn(operation.labels, key) && operation.labels[key] === value,
    ) &&
    (text === undefined ||
      [operation.id, operation.error?.detail ?? '', input].some((field) =>
        asciiLower(field).includes(text),
      ));
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
