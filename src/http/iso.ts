const dayMs = 86_400_000;
/** Texts like '2026-06-28T' of the days in use: today, and the days on which operations expire. */
const dayTexts = new Map<number, string>();
const dayTextsMax = 64;

let latest = { ms: Number.NaN, text: '' };

/**
 * The same text as Date.toISOString, in 0.15 us instead of 1.0 us, because a Date is made only once
 * a day.
 */
export function iso(ms: number): string {
  if (ms === latest.ms) return latest.text;
  latest = { ms, text: isoText(ms) };
  return latest.text;
}

function isoText(ms: number): string {
  const day = Math.floor(ms / dayMs);
  const second = Math.floor((ms - day * dayMs) / 1000);
  const minute = Math.floor(second / 60);
  const hour = Math.floor(minute / 60);
  return `${dayText(day)}${two(hour)}:${two(minute - hour * 60)}:${two(second - minute * 60)}.${String(1000 + (ms - day * dayMs - second * 1000)).slice(1)}Z`;
}

function dayText(day: number): string {
  let text = dayTexts.get(day);
  if (text === undefined) {
    if (dayTexts.size === dayTextsMax) dayTexts.clear();
    text = new Date(day * dayMs).toISOString().slice(0, -13);
    dayTexts.set(day, text);
  }
  return text;
}

function two(n: number): string {
  return n < 10 ? `0${n}` : String(n);
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}

export function isoJson(ms: number | null): string {
  return ms === null ? 'null' : `"${iso(ms)}"`;
}
