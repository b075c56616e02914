import { z } from 'zod';

/**
 * A range of dates as YYYY-MM-DD, both included. Dates in this form compare in the right order as
 * texts.
 */
export type DateRange = { readonly from: string; readonly to: string };

/** Parses `YYYY-MM-DD..YYYY-MM-DD`. */
export const dateRange = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d$/, 'Expected YYYY-MM-DD..YYYY-MM-DD')
  .meta({ examples: ['2026-01-01..2026-06-30'] })
  .transform((text): DateRange => ({ from: text.slice(0, 10), to: text.slice(12) }))
  .refine(({ from, to }) => isDate(from) && isDate(to), {
    error: 'No such date in the calendar',
    abort: true, // what follows reckons with dates
  })
  .refine(({ from, to }) => from <= to, 'The first date is after the second')
  .refine((range) => dayCount(range) <= 3660, 'At most ten years');

function isDate(text: string): boolean {
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

export function isWithin(date: string, range: DateRange): boolean {
  return date >= range.from && date <= range.to;
}

export function dayCount({ from, to }: DateRange): number {
  return 1 + Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000);
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(date) + days * 86_400_000).toISOString().slice(0, 10);
}

/**
 * The same days one year earlier. 29 February becomes a date that does not exist, but it still
 * compares correctly.
 */
export function yearBefore({ from, to }: DateRange): DateRange {
  const shift = (date: string) =>
    `${String(Number(date.slice(0, 4)) - 1).padStart(4, '0')}${date.slice(4)}`;
  return { from: shift(from), to: shift(to) };
}
