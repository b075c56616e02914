import { smallestIdAt } from '../core/id.ts';
import { inputMemberText } from '../core/input-path.ts';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { ListOperations, OperationFilter, OperationPage } from '../store/store.ts';
import { OrderedIds } from './ordered-ids.ts';

type Listed = { readonly operation: Operation; readonly input: string };

/** The operations in order, for lists. */
export class OperationIndex {
  readonly #entries: ReadonlyMap<string, Listed>;
  readonly #ids: OrderedIds;

  constructor(entries: ReadonlyMap<string, Listed>) {
    this.#entries = entries;
    this.#ids = new OrderedIds(entries);
  }

  add(id: string): void {
    this.#ids.add(id);
  }

  page(p: ListOperations): OperationPage {
    const { since, until } = p.filter;
    const matches = matcher(p.filter);
    const { values, nextBeforeId } = this.#ids.page({
      limit: p.limit,
      scanMax: limits.pageScanRows,
      before: [p.beforeId, until === undefined ? null : smallestIdAt(until)],
      floor: since === undefined ? undefined : smallestIdAt(since),
      find: (id) => {
        const listed = this.#entries.get(id);
        return listed !== undefined && matches(listed) ? listed.operation : null;
      },
    });
    return { operations: values, nextBeforeId };
  }
}

function matcher(filter: OperationFilter): (listed: Listed) => boolean {
  const labels = Object.entries(filter.labels ?? {});
  const text = filter.text === undefined ? undefined : asciiLower(filter.text);
  const error = filter.error === undefined ? undefined : asciiLower(filter.error);
  const members = Object.entries(filter.input ?? {});
  return ({ operation, input }) =>
    (filter.tenant === undefined || operation.tenant === filter.tenant) &&
    (filter.task === undefined || operation.task === filter.task) &&
    (filter.tasks === undefined || filter.tasks.includes(operation.task)) &&
    (filter.states === undefined || filter.states.includes(operation.state)) &&
    (filter.code === undefined || operation.error?.code === filter.code) &&
    labels.every(
      ([key, value]) => Object.hasOwn(operation.labels, key) && operation.labels[key] === value,
    ) &&
    (text === undefined ||
      [operation.id, operation.error?.detail ?? ''].some((field) =>
        asciiLower(field).includes(text),
      ) ||
      (filter.textInputTasks?.includes(operation.task) !== false &&
        asciiLower(input).includes(text))) &&
    (error === undefined ||
      (operation.error !== null && asciiLower(operation.error.detail).includes(error))) &&
    members.every(([path, value]) => inputMemberText(input, path) === value);
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
