import { limits } from '../core/limits.ts';
import type { Context } from './context.ts';
import { UsageError } from './exit-codes.ts';
import { safeLine, table, type Column } from './terminal-text.ts';

/** How the things of a list are shown. Cells may hold anything: control characters are taken out here. */
export type Listing<T> = {
  /** In a pipe: tab-separated, whole. */
  readonly cells: (one: T) => readonly string[];
  /** On a terminal: under these titles, the last column cut. `now` by the server's clock, ms: known once it has answered. */
  readonly columns: readonly Column[];
  readonly row: (one: T, now: number) => readonly string[];
  /** Said when there are none. */
  readonly none: string;
};

/** One a line: JSON, tab-separated, or a table for eyes. */
export async function printListing<T>(
  { output, transport }: Context,
  things: AsyncIterable<T> | Iterable<T>,
  p: Listing<T>,
): Promise<void> {
  const found: T[] = [];
  for await (const one of things) {
    if (output.json) output.resultJson(one);
    else if (output.resultIsSeen) found.push(one);
    else output.result(p.cells(one).map(safeLine).join('\t'));
  }
  if (!output.resultIsSeen || output.json) return;
  if (found.length === 0) return output.note(p.none);
  const now = transport.serverNow();
  const width = process.stdout.columns || 80;
  const isShown = (_: unknown, i: number): boolean => width >= (p.columns[i]?.from ?? 0);
  const rows = found.map((one) => p.row(one, now).filter(isShown).map(safeLine));
  const [head = '', ...lines] = table(p.columns.filter(isShown), rows, width);
  output.report(output.styleResult('dim', head));
  for (const line of lines) output.result(line);
}

/** Page by page, `limit` of them at most. */
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

/** Of the names that printRows aligns, with the space behind. */
export const nameColumns = 11;

/** Aligned lines of what has a value. */
export function printRows(
  { output }: Context,
  rows: readonly (readonly [name: string, text: string | null])[],
): void {
  for (const [name, text] of rows) {
    if (text !== null) output.result(`${name.padEnd(nameColumns)}${safeLine(text)}`);
  }
}
