import { limits } from './limits.ts';
import type { Progress } from './operation.ts';

/** A handler's report: a fraction of 1, or a count out of a total. */
export type ProgressReport = number | { readonly current: number; readonly total: number };

/**
 * The progress after `report`, given the one before it in the same attempt. The fraction never
 * falls and stays within 0..1; a report that is not finite changes nothing, and only its message
 * counts.
 */
export function nextProgress(p: {
  readonly previous: Progress | null;
  readonly report: ProgressReport;
  readonly message: string | undefined;
  readonly now: number;
}): Progress {
  const before = p.previous?.fraction ?? null;
  const reported = typeof p.report === 'number' ? p.report : p.report.current / p.report.total;
  const usable = Number.isFinite(reported) ? Math.min(1, Math.max(0, reported)) : null;
  const counts = typeof p.report === 'number' ? null : p.report;
  return {
    fraction: usable === null ? before : Math.max(before ?? 0, usable),
    message: messageText(p.message) ?? p.previous?.message ?? null,
    current: finiteOrNull(counts?.current),
    total: finiteOrNull(counts?.total),
    updatedAt: p.now,
  };
}

/**
 * Checked, because not all handlers are type-checked and one bad message must not spoil the
 * heartbeat of all.
 */
function messageText(message: unknown): string | null {
  if (typeof message !== 'string') return null;
  return message.slice(0, limits.progressMessageChars).toWellFormed().replaceAll('\u0000', '');
}

function finiteOrNull(n: number | undefined): number | null {
  return n !== undefined && Number.isFinite(n) ? n : null;
}
