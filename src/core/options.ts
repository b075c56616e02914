import { durationMs, typedDuration } from './duration.ts';
import { RaincheckError } from './errors.ts';
import { suggestion } from './suggest.ts';

/**
 * Checks of settings that programs and people give. Each throws `invalid_option` with one sentence
 * that names the setting, what was expected and what was given.
 */

/** Refuses members that are not in `known`, and suggests the nearest ("did you mean"). */
export function refuseUnknownKeys(name: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const meant = suggestion(key, known);
    const hint = meant === null ? `Known: ${known.join(', ')}.` : `Did you mean \`${meant}\`?`;
    throw new RaincheckError('invalid_option', `Unknown option \`${key}\` in ${name}. ${hint}`);
  }
}

/** `value` as a whole number from `min` to `max`; `fallback` when it is undefined. */
export function integerOption(
  name: string,
  value: unknown,
  p: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  if (value === undefined) return p.fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= p.min && value <= p.max) {
    return value;
  }
  throw expected(name, `an integer from ${p.min} to ${p.max}`, value);
}

/** `value` as a duration in ms within the bounds; `fallback` when it is undefined. */
export function durationOption<Fallback extends number | null>(
  name: string,
  value: unknown,
  p: { readonly minMs: number; readonly maxMs: number; readonly fallback: Fallback },
): number | Fallback {
  if (value === undefined) return p.fallback;
  if (typeof value !== 'number' && typeof value !== 'string') {
    throw expected(name, "a duration like 500 (ms), '15s' or '10m'", value);
  }
  const ms = durationMs(name, value);
  if (ms >= p.minMs && ms <= p.maxMs) return ms;
  const [least, most] = [typedDuration(p.minMs), typedDuration(p.maxMs)];
  const what = `a duration from ${least} to ${most}`;
  if (typeof value === 'string') throw expected(name, what, value);
  throw new RaincheckError(
    'invalid_option',
    `Expected \`${name}\` to be ${what}, got ${value} (a number is ms).`,
  );
}

export function expected(name: string, what: string, got: unknown): RaincheckError {
  return new RaincheckError(
    'invalid_option',
    `Expected \`${name}\` to be ${what}, got ${shown(got)} (${got === null ? 'null' : typeof got}).`,
  );
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 100)}'`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'an array' : 'an object';
  return String(value);
}
