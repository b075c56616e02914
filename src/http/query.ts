import { parseDuration } from '../core/duration.ts';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { suggestion } from '../core/suggest.ts';
import { instantMs } from '../engine/instant.ts';

/**
 * The query parameters of a submit, parsed and checked. Unknown names are ignored. A known name
 * with an invalid value is `invalid_request`, with one sentence that names it.
 */
export type SubmitOptions = {
  readonly priority?: number;
  readonly notBefore?: number;
  readonly deadlineAt?: number;
  readonly labels?: Readonly<Record<string, string>>;
  /** The options as they were written, sorted; part of the idempotency fingerprint. */
  readonly canonical: string;
};

const noOptions: SubmitOptions = { canonical: '' };

/** Parses `priority`, `delay` or `not_before`, `deadline`, and `label.{key}`. */
export function parseSubmitOptions(query: string, now: number): SubmitOptions {
  if (query === '') return noOptions;
  const parameters = new URLSearchParams(query);
  const priority = single(parameters, 'priority');
  const delay = single(parameters, 'delay');
  const notBefore = single(parameters, 'not_before');
  const deadline = single(parameters, 'deadline');
  const labels = parseLabels(parameters);
  if (delay !== null && notBefore !== null) {
    throw invalid('Give `delay` or `not_before`, not both.');
  }
  return {
    ...(priority === null ? null : { priority: parsePriority(priority) }),
    ...(delay === null ? null : { notBefore: now + parseDelay(delay) }),
    ...(notBefore === null ? null : { notBefore: parseNotBefore(notBefore, now) }),
    ...(deadline === null ? null : { deadlineAt: parseDeadline(deadline, now) }),
    ...(labels === null ? null : { labels }),
    canonical: canonicalOptions({ priority, delay, notBefore, deadline, labels }),
  };
}

function canonicalOptions(p: {
  readonly priority: string | null;
  readonly delay: string | null;
  readonly notBefore: string | null;
  readonly deadline: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
}): string {
  const labels = Object.entries(p.labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const given = [p.priority, p.delay, p.notBefore, p.deadline];
  return labels.length === 0 && given.every((value) => value === null)
    ? ''
    : JSON.stringify([...given, labels]);
}

/**
 * The value of `name`, or null when it is absent. Given twice, it is an error rather than a silent
 * choice.
 */
export function single(parameters: URLSearchParams, name: string): string | null {
  const values = parameters.getAll(name);
  if (values.length > 1) throw invalid(`Give the query parameter \`${name}\` only once.`);
  // No store accepts U+0000, and no meaningful value contains it.
  if (values[0]?.includes('\0') === true) throw invalid(`\`${name}\` holds the character U+0000.`);
  return values[0] ?? null;
}

const labelKeyPattern = /^[\w.-]+$/;

/** The `label.{key}={value}` of a submit or a filter; null when there are none. */
export function parseLabels(parameters: URLSearchParams): Readonly<Record<string, string>> | null {
  const labels = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (!name.startsWith('label.')) continue;
    const key = name.slice('label.'.length);
    if (!labelKeyPattern.test(key) || key.length > limits.labelKeyChars || key === '__proto__') {
      throw invalid(
        `Expected a label name of 1 to ${limits.labelKeyChars} letters, digits, '_', '.' or '-'.`,
      );
    }
    if (labels.has(key)) throw invalid(`Give the label \`${key}\` only once.`);
    if (value.length > limits.labelValueChars || hasControlCharacter(value)) {
      throw invalid(
        `Expected the label \`${key}\` to be at most ${limits.labelValueChars} characters without control characters.`,
      );
    }
    labels.set(key, value);
    if (labels.size > limits.labels) throw invalid(`Give at most ${limits.labels} labels.`);
  }
  return labels.size === 0 ? null : Object.fromEntries(labels);
}

function hasControlCharacter(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  return /[\0-\x1f\x7f]/.test(text);
}

function parsePriority(text: string): number {
  const { priorityMin: min, priorityMax: max } = limits;
  const priority = /^-?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (priority >= min && priority <= max) return priority;
  throw invalid(`Expected \`priority\` to be a whole number from ${min} to ${max}.`);
}

function parseDelay(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms <= limits.delayMsMax) return ms;
  throw invalid("Expected `delay` to be a duration like '15s', '10m' or '7d', at most 366 days.");
}

function parseNotBefore(text: string, now: number): number {
  const instant = parseInstant(text);
  if (instant !== null && instant <= now + limits.delayMsMax) return instant;
  throw invalid(
    "Expected `not_before` to be an instant like '2030-01-31T09:00:00Z', at most 366 days ahead.",
  );
}

function parseDeadline(text: string, now: number): number {
  const ms = parseDuration(text);
  const instant = ms === null ? parseInstant(text) : now + ms;
  if (instant === null) {
    throw invalid("Expected `deadline` to be a duration like '10m' or an instant in ISO 8601.");
  }
  if (instant > now + 2 * limits.delayMsMax) {
    throw invalid('Expected `deadline` to be at most 732 days ahead.');
  }
  return instant;
}

/**
 * Milliseconds since 1970 of an ISO 8601 instant with an offset; null when it is invalid. A space
 * counts as the '+' of the offset, because an unescaped '+' in a query decodes to a space.
 */
export function parseInstant(text: string): number | null {
  return instantMs(text.replace(' ', '+'));
}

/** The size of a page, from `limit`. */
export function parseLimit(parameters: URLSearchParams): number {
  const text = single(parameters, 'limit');
  if (text === null) return limits.pageSizeDefault;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limits.pageSizeMax) return limit;
  throw invalid(`Expected \`limit\` to be a whole number from 1 to ${limits.pageSizeMax}.`);
}

/** An instant, or a duration back from now: `since=2h`. undefined: not given. */
export function parseTime(
  parameters: URLSearchParams,
  name: string,
  now: number,
): number | undefined {
  const text = single(parameters, name);
  if (text === null) return undefined;
  const ago = parseDuration(text);
  const instant = ago === null ? parseInstant(text) : Math.max(0, now - ago);
  if (instant !== null) return instant;
  throw invalid(
    `Expected \`${name}\` to be an instant in ISO 8601, or how long ago, like '2h' or '7d'.`,
  );
}

/** One of `known`; undefined when not given. The error for another word suggests the nearest. */
export function parseWord<T extends string>(
  parameters: URLSearchParams,
  name: string,
  known: readonly T[],
): T | undefined {
  const text = single(parameters, name);
  return text === null ? undefined : knownWord(name, text, known);
}

/**
 * As parseWord, for a parameter that may be repeated and may hold several words separated by
 * commas.
 */
export function parseWords<T extends string>(
  parameters: URLSearchParams,
  name: string,
  known: readonly T[],
): readonly T[] | undefined {
  const given = parameters.getAll(name).flatMap((value) => value.split(','));
  if (given.length === 0) return undefined;
  return [...new Set(given)].map((text) => knownWord(name, text, known));
}

function knownWord<T extends string>(name: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  const meant = suggestion(text, known);
  const hint = meant === null ? `one of ${known.join(', ')}` : `\`${meant}\`, perhaps`;
  throw invalid(`Expected \`${name}\` to be ${hint}.`);
}

export function invalid(detail: string): RaincheckError {
  return new RaincheckError('invalid_request', detail);
}
