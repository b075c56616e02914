import { limits } from '../core/limits.ts';
import type { Context } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { safeLine, table, type Column } from './terminal-text.ts';

/** How a list shows its things. Cells may hold anything: printListing takes control characters out. */
export type Listing<T> = {
  /** The cells in a pipe: tab-separated, whole. */
  readonly cells: (one: T) => readonly string[];
  /**
   * The row on a terminal, under these titles, the last column cut. `now` is ms by the server's clock, known once
   * it has answered.
   */
  readonly columns: readonly Column[];
  readonly row: (one: T, now: number) => readonly string[];
  /** The sentence for an empty list. */
  readonly none: string;
};

/** Prints one thing a line: as JSON, tab-separated, or as a table for eyes. Resolves to how many there were. */
export async function printListing<T>(
  { output, transport }: Context,
  things: AsyncIterable<T> | Iterable<T>,
  p: Listing<T>,
): Promise<number> {
  const found: T[] = [];
  let count = 0;
  for await (const one of things) {
    count += 1;
    if (output.json) output.resultJson(one);
    else if (output.resultIsSeen) found.push(one);
    else output.result(p.cells(one).map(safeLine).join('\t'));
  }
  if (!output.resultIsSeen || output.json) return count;
  if (count === 0) {
    output.note(p.none);
    return count;
  }
  const now = transport.serverNow();
  const width = process.stdout.columns || 80;
  const isShown = (_: unknown, i: number): boolean => width >= (p.columns[i]?.from ?? 0);
  const rows = found.map((one) => p.row(one, now).filter(isShown).map(safeLine));
  const [head = '', ...lines] = table(p.columns.filter(isShown), rows, width);
  output.report(output.styleResult('dim', head));
  for (const line of lines) output.result(line);
  return count;
}

/** Reads page by page, `limit` items at most. */
export async function* paged<T>(
  limit: number,
  read: (p: { readonly limit: number; readonly cursor: string | undefined }) => Promise<{
    readonly items: readonly T[];
    readonly next: string | null;
  }>,
): AsyncGenerator<T> {
  if (limit < 1) throw new UsageError('Expected --limit to be 1 or more.');
  let left = limit;
  let cursor: string | undefined;
  do {
    const page = await read({ limit: Math.min(left, limits.pageSizeMax), cursor });
    yield* page.items;
    left -= page.items.length;
    cursor = page.next ?? undefined;
  } while (left > 0 && cursor !== undefined);
}

/** Width of the names that printRows aligns, with the space behind. */
export const nameColumns = 11;

/** Prints a line for each row that has a text, the texts aligned. */
export function printRows(
  { output }: Context,
  rows: readonly (readonly [name: string, text: string | null])[],
): void {
  for (const [name, text] of rows) {
    if (text !== null) output.result(`${name.padEnd(nameColumns)}${safeLine(text)}`);
  }
}

/** A sentence below groups that leave older things out; `what` names them. */
export function incompleteText(what: string): string {
  return `Of the newest ${limits.errorScanMax.toLocaleString('en')} ${what}: there are older ones.`;
}
