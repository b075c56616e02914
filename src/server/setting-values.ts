import { parseDuration } from '../core/duration.ts';
import { checkedWebhookSettings, type WebhookSettings } from '../webhooks/webhook-settings.ts';

// Readers for values of settings, which get texts from the environment and anything from a config
// file. null: it does not fit.

export function text(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

export function trueOrFalse(value: unknown): boolean | null {
  return { true: true, false: false }[String(value)] ?? null;
}

export function integer(min: number, max: number): (value: unknown) => number | null {
  return (value) => {
    const n = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
    return typeof n === 'number' && Number.isInteger(n) && n >= min && n <= max ? n : null;
  };
}

export function oneOf<Value extends string>(
  values: readonly Value[],
): (value: unknown) => Value | null {
  return (value) => values.find((candidate) => candidate === value) ?? null;
}

export function duration(msMax: number): (value: unknown) => number | null {
  return (value) => {
    if (typeof value !== 'string' && typeof value !== 'number') return null;
    const ms = parseDuration(value);
    return ms !== null && ms <= msMax ? ms : null;
  };
}

/**
 * Reads a value and checks it as the webhooks would. Their own error would name their option, not
 * the variable.
 */
export function fitting<Value>(
  member: keyof WebhookSettings,
  read: (value: unknown) => Value | null,
): (value: unknown) => Value | null {
  return (given) => {
    const value = read(given);
    if (value === null) return null;
    try {
      checkedWebhookSettings({ [member]: value });
      return value;
    } catch {
      return null;
    }
  };
}

/** The parsed value; undefined: it is not JSON. */
export function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * A list, or a text split at commas or spaces; null when it is empty or holds anything but texts.
 */
export function list(value: unknown): readonly string[] | null {
  const items: unknown = typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value;
  if (!Array.isArray(items)) return null;
  return items.every((item) => typeof item === 'string') ? items : null;
}
