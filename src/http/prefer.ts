import { limits } from '../core/limits.ts';

/** The preferences of a client (RFC 7240) that we know. */
export type Preferences = {
  readonly respondAsync: boolean;
  /** Whole seconds, at most limits.preferWaitSecondsMax; null: not asked for. */
  readonly waitSeconds: number | null;
};

const none: Preferences = { respondAsync: false, waitSeconds: null };

/**
 * Parses the header. Never fails: unknown and malformed preferences are ignored; of repeated ones
 * the first counts.
 */
export function parsePrefer(header: string | undefined): Preferences {
  if (header === undefined) return none;
  let respondAsync = false;
  let waitSeconds: number | null = null;
  for (const part of header.split(',', 20)) {
    const preference = part.split(';', 1)[0] ?? '';
    const equals = preference.indexOf('=');
    const name = (equals === -1 ? preference : preference.slice(0, equals)).trim().toLowerCase();
    if (name === 'respond-async') respondAsync = true;
    if (name === 'wait' && equals !== -1) waitSeconds ??= seconds(preference.slice(equals + 1));
  }
  return { respondAsync, waitSeconds };
}

function seconds(text: string): number | null {
  const match = /^\s*"?(\d{1,9})"?\s*$/.exec(text);
  return match === null ? null : Math.min(Number(match[1]), limits.preferWaitSecondsMax);
}

/** The value of Preference-Applied; null when nothing was asked for. */
export function preferenceApplied(
  preferences: Preferences,
  applied: { readonly async: boolean; readonly wait: boolean },
): string | null {
  const parts: string[] = [];
  if (preferences.respondAsync && applied.async) parts.push('respond-async');
  if (preferences.waitSeconds !== null && applied.wait)
    parts.push(`wait=${preferences.waitSeconds}`);
  return parts.length === 0 ? null : parts.join(', ');
}
