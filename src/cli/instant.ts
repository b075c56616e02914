import { parseDuration } from '../core/duration.ts';
import { UsageError } from './exit-codes.ts';

/** Parses '2h' as so long ago, else a date or an instant of ISO 8601 (a bare date is UTC midnight). */
export function instantOf(name: string, text: string, now: number): Date {
  const ago = parseDuration(text);
  if (ago !== null) return new Date(now - ago);
  const ms = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return new Date(ms);
  throw new UsageError(
    `Expected ${name} to be like 30m, 2h or 7d (ago), 2026-01-31 or 2026-01-31T09:00:00Z, got '${text}'.`,
  );
}
