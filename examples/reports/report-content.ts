import { addDays, dayCount, type DateRange } from './dates.ts';
import type { Report } from './report-pdf.ts';
import { tally, type Sale, type Totals } from './sales.ts';

/** The sales that a report is made of. */
export type Material = {
  readonly range: DateRange;
  readonly sales: readonly Sale[];
  /**
   * The sales of the same days a year before, for comparison; empty when the file does not cover
   * all of those days.
   */
  readonly salesYearBefore: readonly Sale[];
};

export function salesSummary({ range, sales, salesYearBefore }: Material): Report {
  const total = totals(sales);
  const totalBefore = totals(salesYearBefore);
  const step = chartStep(range);
  const overTime = tally(sales, (sale) => step.keyOf(sale.date));
  const regionsBefore = tally(salesYearBefore, (sale) => sale.region);
  return {
    ...heading('Sales summary', range),
    figures: figures(total, totalBefore),
    chart: {
      title: `Revenue by ${step.name}`,
      kind: 'columns',
      points: keysOf(range, step.keyOf).map((key) => ({
        label: step.labelOf(key),
        value: overTime.of(key).cents / 100,
      })),
    },
    table: {
      title: 'By region',
      columns: ['Region', 'Orders', 'Units', 'Revenue', 'Share', 'Change'],
      rows: tally(sales, (sale) => sale.region)
        .ranked()
        .map(([region, of]) => row(region, of, { total, before: regionsBefore.of(region) })),
      total: row('All regions', total, { total, before: totalBefore }),
    },
    note: note(sales.length),
  };
}

export function topProducts({ range, sales, salesYearBefore }: Material): Report {
  const total = totals(sales);
  const best = tally(sales, (sale) => sale.product)
    .ranked()
    .slice(0, 10);
  const before = tally(salesYearBefore, (sale) => sale.product);
  return {
    ...heading('Top products', range),
    figures: figures(total, totals(salesYearBefore)),
    chart: {
      title: 'Revenue by product',
      kind: 'bars',
      points: best.map(([product, of]) => ({ label: product, value: of.cents / 100 })),
    },
    table: {
      title: 'The best ten',
      columns: ['Product', 'Orders', 'Units', 'Revenue', 'Share', 'Change'],
      rows: best.map(([product, of]) => row(product, of, { total, before: before.of(product) })),
      total: row('All products', total, { total, before: totals(salesYearBefore) }),
    },
    note: note(sales.length),
  };
}

function heading(title: string, range: DateRange): Pick<Report, 'title' | 'subtitle'> {
  const day = (date: string) =>
    new Date(date).toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
  const oneDay = range.from === range.to;
  return { title, subtitle: oneDay ? day(range.from) : `${day(range.from)} to ${day(range.to)}` };
}

function figures(now: Totals, before: Totals): Report['figures'] {
  const perOrder = (of: Totals) => (of.orders === 0 ? 0 : of.cents / of.orders);
  return [
    { label: 'Revenue', value: money(now.cents), change: change(now.cents, before.cents) },
    { label: 'Orders', value: format(now.orders), change: change(now.orders, before.orders) },
    { label: 'Units', value: format(now.units), change: change(now.units, before.units) },
    {
      label: 'Average order',
      value: money(perOrder(now), 2),
      change: change(perOrder(now), perOrder(before)),
    },
  ];
}

function row(name: string, of: Totals, p: { total: Totals; before: Totals }): string[] {
  const share = p.total.cents === 0 ? 0 : of.cents / p.total.cents;
  return [
    name,
    format(of.orders),
    format(of.units),
    money(of.cents),
    `${(100 * share).toFixed(1)} %`,
    change(of.cents, p.before.cents) ?? '–',
  ];
}

function note(sales: number): string {
  if (sales === 0) return 'There were no sales in this period.';
  return `Fernway Coffee Roasters is made up, and so are its ${format(sales)} orders in this period. Changes are against the same days a year before.`;
}

function totals(sales: readonly Sale[]): Totals {
  return tally(sales, () => 'all').of('all');
}

/**
 * The width of a chart's columns, so that a reader can tell them apart: days for a month, then
 * weeks, months, years.
 */
function chartStep(range: DateRange) {
  const days = dayCount(range);
  const dayLabel = (date: string) => `${Number(date.slice(8))} ${monthName(date)}`;
  if (days <= 31) return { name: 'day', keyOf: (date: string) => date, labelOf: dayLabel };
  if (days <= 190) return { name: 'week', keyOf: mondayOf, labelOf: dayLabel };
  if (days <= 1100) {
    const labelOf = (month: string) => `${monthName(month)} ${month.slice(2, 4)}`;
    return { name: 'month', keyOf: (date: string) => date.slice(0, 7), labelOf };
  }
  return { name: 'year', keyOf: (date: string) => date.slice(0, 4), labelOf: (y: string) => y };
}

/** Every key of the range once, in order, including those without a sale. */
function keysOf(range: DateRange, keyOf: (date: string) => string): string[] {
  const dates = Array.from({ length: dayCount(range) }, (_, day) => addDays(range.from, day));
  return [...new Set(dates.map(keyOf))];
}

function mondayOf(date: string): string {
  return addDays(date, -((new Date(date).getUTCDay() + 6) % 7));
}

function monthName(date: string): string {
  return new Date(date).toLocaleDateString('en-US', { month: 'short', timeZone: 'UTC' });
}

/** '+4.2 %'; null when there is nothing to compare with. */
function change(now: number, before: number): string | null {
  if (before === 0) return null;
  const percent = 100 * (now / before - 1);
  return `${percent < 0 ? '–' : '+'}${Math.abs(percent).toFixed(1)} %`;
}

function money(cents: number, digits = 0): string {
  return `€ ${format(cents / 100, digits)}`;
}

function format(n: number, digits = 0): string {
  return n.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
