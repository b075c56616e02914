/** Formats numbers and times. Large numbers stay exact: 1,234,567, not 1.2 M. */
const numbers = new Intl.NumberFormat('en-US');

export function count(value: number): string {
  return numbers.format(value);
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A duration such as 840 ms, 4.2 s, 1 m 5 s, 3 h 2 m, 5 d 4 h. */
export function duration(ms: number): string {
  const gone = Math.max(0, ms);
  if (gone < 1000) return `${Math.round(gone)} ms`;
  if (gone < 9_950) return `${(gone / 1000).toFixed(1)} s`;
  const seconds = Math.round(gone / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [big, bigUnit, small, smallUnit] =
    seconds < 3600
      ? [Math.floor(seconds / 60), 'm', seconds % 60, 's']
      : seconds < 86_400
        ? [Math.floor(seconds / 3600), 'h', Math.floor((seconds % 3600) / 60), 'm']
        : [Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3600), 'h'];
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

/** A rounded duration for texts that count: 4 s, 12 m, 3 h, 5 d. */
export function roughly(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function ago(ms: number): string {
  if (ms <= -86_400_000 / 2) return `in ${ahead(-ms)}`;
  if (ms < -999) return `in ${roughly(-ms + 999)}`;
  return ms < 1000 ? 'now' : `${roughly(ms)} ago`;
}

/** Distant durations, to the nearest hour or day. */
function ahead(ms: number): string {
  const hours = Math.round(ms / 3_600_000);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** An instant such as 2026-11-25 21:03:07, in the reader's own time or in UTC. */
export function instant(ms: number, utc: boolean): string {
  const at = new Date(ms);
  if (utc) return at.toISOString().slice(0, 19).replace('T', ' ');
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** Rounded; below 10 % with a decimal. */
export function roundedPercent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
}

/** How far something is: rounded down, so that 100 % is all of it. */
export function percent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}
