import type { WireEstimate, WireOperation } from '../core/wire-operation.ts';

/** The expected end of an operation in words; `short` where there is little room. */
export type EstimateText = { readonly full: string; readonly short: string };

const unknownTexts: Readonly<Record<string, string>> = {
  no_worker: 'no worker is running',
  task_paused: 'the task is paused',
};

/**
 * Tells the estimate: `about 2 min, by 14:32 at the latest (212 operations)`, `longer than usual`, `no estimate yet`;
 * null: the operation is final, or the server tells nothing. `now` is ms by the server's clock; times of day are
 * those of this machine.
 *
 * The server keeps its instants, so the words only count down: never a tenth, minutes above one.
 */
export function estimateText(operation: WireOperation, now: number): EstimateText | null {
  const { estimate } = operation;
  if (estimate === null) return null;
  const completesAt = Date.parse(estimate.completes_at ?? '');
  if (Number.isNaN(completesAt))
    return same(unknownTexts[estimate.reason ?? ''] ?? 'no estimate yet');
  const completesBy = Date.parse(estimate.completes_by ?? '');
  if (estimate.longer_than_usual === true || completesBy < now) return same('longer than usual');
  const short = `about ${roughTime(Math.max(1_000, completesAt - now))}`;
  const by = Number.isNaN(completesBy) ? '' : `, by ${timeOfDay(completesBy, now)} at the latest`;
  return { full: `${short}${by}${basisText(estimate)}`, short };
}

function same(text: string): EstimateText {
  return { full: text, short: text };
}

function basisText({ basis, samples }: WireEstimate): string {
  if (basis === 'declared') return ' (as declared)';
  return samples === 0 ? '' : ` (${samples} operation${samples === 1 ? '' : 's'})`;
}

/** '8 s', '2 min', '3 h', '4 days'. */
function roughTime(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(ms / 3_600_000);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** Rounded up: '14:32', '14:32:10' within two minutes, '2026-01-03 14:32' on another day. */
function timeOfDay(at: number, now: number): string {
  const isNear = at - now < 120_000;
  const unit = isNear ? 1_000 : 60_000;
  const date = new Date(Math.ceil(at / unit) * unit);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(
    two,
  );
  const time = isNear ? `${hours}:${minutes}:${seconds}` : `${hours}:${minutes}`;
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return time;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
