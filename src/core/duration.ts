import { RaincheckError } from './errors.ts';

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
type Unit = keyof typeof unitMs;

/**
 * A length of time: a number of milliseconds, or a number with a unit: '250ms', '15s', '10m', '1h',
 * '7d'.
 */
export type Duration = number | `${number}${Unit}` | `${number} ${Unit}`;

const durationPattern = /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/;

/** Milliseconds of `duration`, whole and not negative; null when the text is not a duration. */
export function parseDuration(duration: number | string): number | null {
  if (typeof duration === 'number') return wholeMs(duration);
  const match = durationPattern.exec(duration);
  return match === null ? null : wholeMs(Number(match[1]) * unitMs[match[2] as Unit]);
}

function wholeMs(ms: number): number | null {
  return ms >= 0 && ms <= Number.MAX_SAFE_INTEGER ? Math.round(ms) : null;
}

/** Like parseDuration, for a setting: throws `invalid_option` that names the setting. */
export function durationMs(name: string, duration: number | string): number {
  const ms = parseDuration(duration);
  if (ms !== null) return ms;
  throw new RaincheckError(
    'invalid_option',
    `Expected \`${name}\` to be a duration like 500 (ms), '15s', '10m', '1h' or '7d', got ${JSON.stringify(duration)} (${typeof duration}).`,
  );
}

/** The length of time for people: '350 ms', '4.3 s', '2 m 05 s', '3 h 20 m', '2 d 4 h'. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * The length of time as a person types it for a setting, in the largest unit that fits: '1s',
 * '90s', '7d', '0ms'.
 */
export function typedDuration(ms: number): string {
  const units = Object.entries(unitMs).toReversed();
  const [unit, unitLength] = units.find(([, length]) => ms >= length && ms % length === 0) ?? [
    'ms',
    1,
  ];
  return `${ms / unitLength}${unit}`;
}

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
