import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

export type Sale = {
  readonly date: string;
  readonly region: string;
  readonly product: string;
  readonly units: number;
  readonly cents: number;
};

export type Totals = { readonly orders: number; readonly units: number; readonly cents: number };

/** The first day in the file. */
export const firstSaleDate = '2024-01-01';

const salesFile = new URL('./sales.csv', import.meta.url);

/**
 * All sales in the order of the file, chunk by chunk, each with the share of the file read so far
 * (0..1). Between two chunks other work of the process gets its turn. `signal` ends the reading
 * with its reason.
 */
export async function* readSales(
  signal: AbortSignal,
): AsyncGenerator<{ sales: Sale[]; fraction: number }> {
  const { size } = await stat(salesFile);
  let bytesRead = 0;
  let rest = '';
  let isHeader = true;
  for await (const chunk of createReadStream(salesFile, { encoding: 'utf8' })) {
    signal.throwIfAborted();
    bytesRead += Buffer.byteLength(chunk);
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (isHeader) lines.shift();
    isHeader = false;
    yield { sales: lines.map(parseSale), fraction: bytesRead / size };
  }
}

function parseSale(line: string): Sale {
  const [date = '', region = '', product = '', units, price] = line.split(',');
  const cents = Number(units) * Math.round(Number(price) * 100);
  return { date, region, product, units: Number(units), cents };
}

/** Totals by a key of each sale, such as its product, region or month. */
export type Tally = {
  of(key: string): Totals;
  /** The entries, highest revenue first. */
  ranked(): [key: string, totals: Totals][];
};

export function tally(sales: readonly Sale[], keyOf: (sale: Sale) => string): Tally {
  const totals = new Map<string, Totals>();
  const of = (key: string): Totals => totals.get(key) ?? { orders: 0, units: 0, cents: 0 };
  for (const sale of sales) {
    const { orders, units, cents } = of(keyOf(sale));
    totals.set(keyOf(sale), {
      orders: orders + 1,
      units: units + sale.units,
      cents: cents + sale.cents,
    });
  }
  return { of, ranked: () => [...totals].sort(([, a], [, b]) => b.cents - a.cents) };
}
