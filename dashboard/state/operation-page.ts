import type { WireOperation, WireOperationPage } from 'raincheck/client';
import { ask } from './server.ts';
import type { ServerFilter } from './filter.ts';
import { pageRows, type OperationPage } from './live-list.ts';

/**
 * Most requests for a page. The server searches a bounded part of its history at a time, so a page
 * can be short although there are more.
 */
const roundsMax = 6;

type Source = {
  readonly rows: readonly WireOperation[];
  readonly next: string | null;
};

/** The newest operations that match any of the filters, from `cursors` (an earlier `next`) on. */
export async function readOperationPage(
  filters: readonly ServerFilter[],
  cursors: string | null,
  signal: AbortSignal,
): Promise<OperationPage> {
  const starts = cursors?.split('~') ?? [];
  const sources = await Promise.all(
    filters.map((filter, i) => readSource(filter, starts[i] ?? null, signal)),
  );
  const all = sources.flatMap(({ rows }) => rows);
  const rows = all.toSorted(newestFirst).slice(0, pageRows);
  const nexts = await Promise.all(
    sources.map(async (source, i) => {
      const taken = source.rows.filter((row) => rows.includes(row)).length;
      if (taken === source.rows.length) return source.next ?? '-';
      if (taken === 0) return starts[i] ?? '';
      // Only the server knows the cursor of the page after these.
      const again = { filter: filters[i], start: starts[i] ?? null };
      return (await readPart(again, taken, signal)).next_cursor ?? '-';
    }),
  );
  const isOver = nexts.every((next) => next === '-');
  return {
    rows,
    next: isOver ? null : nexts.join('~'),
    searchesOn: !isOver && rows.length < pageRows,
  };
}

function newestFirst(a: WireOperation, b: WireOperation): number {
  const [x, y] = [a.created_at + a.id, b.created_at + b.id];
  return x < y ? 1 : -1;
}

async function readSource(
  filter: ServerFilter,
  start: string | null,
  signal: AbortSignal,
): Promise<Source> {
  if (start === '-') return { rows: [], next: null };
  const rows: WireOperation[] = [];
  let cursor = start === '' ? null : start;
  for (let round = 0; round < roundsMax; round += 1) {
    const page = await readPart({ filter, start: cursor }, pageRows - rows.length, signal);
    rows.push(...page.operations);
    cursor = page.next_cursor;
    if (cursor === null || rows.length >= pageRows) break;
  }
  return { rows, next: cursor };
}

function readPart(
  { filter, start }: { readonly filter: ServerFilter | undefined; readonly start: string | null },
  limit: number,
  signal: AbortSignal,
): Promise<WireOperationPage> {
  const cursor = start === null || start === '' ? undefined : start;
  const query = { ...filter?.query, limit: String(limit), cursor };
  return ask<WireOperationPage>('operations', { query, signal });
}
