import { defineTask, file } from 'raincheck';
import { z } from 'zod';
import { dateRange, isWithin, yearBefore } from './dates.ts';
import { salesSummary, topProducts } from './report-content.ts';
import { firstSaleDate, readSales, type Sale } from './sales.ts';

/**
 * A task that takes a while: it reads fifty thousand sales, adds them up and draws a PDF.
 *
 *   curl -i http://127.0.0.1:7333/reports -H 'content-type: application/json' \
 *     -d '{"type": "sales_summary", "date_range": "2026-01-01..2026-06-30"}'
 *
 * The answer is 202 with the address of a status. Ask that address how far it is, and in the end
 * fetch the report.
 */
export const reports = defineTask('reports', {
  path: '/reports',
  description: 'A PDF of the sales in a period: a summary, or the products that sold best.',
  input: z.strictObject({
    type: z.enum(['sales_summary', 'top_products']),
    date_range: dateRange,
  }),
  timeout: '2m',
  attempts: 3,
  estimate: '250ms',

  async run({ input, progress, signal, log }) {
    const range = input.date_range;
    const before = yearBefore(range);
    const canCompare = before.from >= firstSaleDate;
    const sales: Sale[] = [];
    const salesYearBefore: Sale[] = [];
    for await (const chunk of readSales(signal)) {
      for (const sale of chunk.sales) {
        if (isWithin(sale.date, range)) sales.push(sale);
        if (canCompare && isWithin(sale.date, before)) salesYearBefore.push(sale);
      }
      progress(0.8 * chunk.fraction, `found ${sales.length} sales`);
    }

    progress(0.8, 'drawing');
    const compose = input.type === 'sales_summary' ? salesSummary : topProducts;
    // Loaded when first needed, since the server starts faster without a PDF library.
    const { drawReport } = await import('./report-pdf.ts');
    const pdf = drawReport(compose({ range, sales, salesYearBefore }));

    progress(1, 'done');
    log.info('report drawn', { type: input.type, sales: sales.length });
    const name = `${input.type}_${range.from}_${range.to}.pdf`;
    return file(pdf, { type: 'application/pdf', name });
  },
});
