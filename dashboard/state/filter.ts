import type { Batch, OperationStatus, WireOperation } from 'raincheck/client';

/**
 * The language of the filter bar: words and qualifiers with values (quoted if they contain spaces),
 * all of which must match: `status:failed task:report* label.tenant:acme input.user:42
 * error:"ECONN" since:2h refund`. Pure. The text is the whole state, so it can be part of an
 * address.
 */
export type Term = { readonly key: string; readonly value: string };

export type Filter = {
  readonly terms: readonly Term[];
  /** The words without a qualifier, matched against the id, the error and the input. */
  readonly words: string;
};

export const statuses: readonly OperationStatus[] = [
  'pending',
  'processing',
  'completed',
  'failed',
];

/** The values that `error.code` can have. */
export const outcomeCodes = [
  'task_error',
  'timeout',
  'queue_timeout',
  'deadline_exceeded',
  'cancelled',
  'worker_lost',
  'result_too_large',
  'result_invalid',
] as const;

export const qualifiers: Readonly<Record<string, string>> = {
  status: 'pending, processing, completed or failed',
  task: 'a task; report* for all that begin so',
  code: 'how it failed: timeout, cancelled …',
  error: 'part of the error text',
  since: 'created after: 2h, 7d or an instant',
  until: 'created before',
  'label.': 'label.tenant:acme',
  'input.': 'input.user:42, a member of the input',
  id: 'an id, or part of one',
};

const tokenPattern = /(?:([a-z][\w.-]*):)?(?:"([^"]*)"?|(\S+))/gi;

export function parseFilter(text: string): Filter {
  const terms: Term[] = [];
  const words: string[] = [];
  for (const [whole, key, quoted, plain] of text.matchAll(tokenPattern)) {
    const value = quoted ?? plain ?? '';
    if (key !== undefined && isQualifier(key)) terms.push({ key: keyOf(key), value });
    else words.push(quoted !== undefined && key === undefined ? quoted : whole);
  }
  return { terms, words: words.join(' ') };
}

function isQualifier(key: string): boolean {
  const name = key.toLowerCase();
  return name in qualifiers ? !name.endsWith('.') : /^(?:label|input)\../i.test(key);
}

/** Qualifiers ignore case; names of labels and of members of the input keep theirs. */
function keyOf(written: string): string {
  const [name = '', ...path] = written.split('.');
  return [name.toLowerCase(), ...path].join('.');
}

export function filterText({ terms, words }: Filter): string {
  const parts = terms.map(({ key, value }) => `${key}:${quoted(value)}`);
  return [...parts, words].filter((part) => part !== '').join(' ');
}

function quoted(value: string): string {
  return value === '' || /\s/.test(value) ? `"${value}"` : value;
}

/** The filter with `key` set to `value`, or without it for null. */
export function withTerm(filter: Filter, key: string, value: string | null): Filter {
  const others = filter.terms.filter((term) => term.key !== key);
  const terms = value === null ? others : [{ key, value }, ...others];
  return { ...filter, terms };
}

export function valueOf(filter: Filter, key: string): string | null {
  return filter.terms.findLast((term) => term.key === key)?.value ?? null;
}

/** A filter that the server understands, as query parameters and as the filter of a batch. */
export type ServerFilter = {
  readonly query: Readonly<Record<string, string>>;
  readonly batch: Batch['filter'];
};

/**
 * One filter for each task that a pattern matches, since the server takes one task at a time; none
 * when no task matches. Throws RangeError, with a sentence for a person, when the text makes no
 * sense.
 */
export function serverFilters(filter: Filter, tasks: readonly string[]): readonly ServerFilter[] {
  const base = serverFilter(filter);
  const pattern = valueOf(filter, 'task');
  if (pattern === null) return [base];
  const names = pattern.includes('*') ? tasks.filter(glob(pattern)) : [pattern];
  return names.map((task) => ({
    query: { ...base.query, task },
    batch: { ...base.batch, task },
  }));
}

function serverFilter({ terms, words }: Filter): ServerFilter {
  const query: Record<string, string> = {};
  const plain: Record<string, unknown> = {};
  const labels: Record<string, string> = {};
  const input: Record<string, string> = {};
  const texts = words === '' ? [] : [words];
  for (const { key, value } of terms) {
    if (key === 'task') continue;
    if (key === 'id') texts.push(value);
    else if (key.startsWith('label.')) labels[key.slice(6)] = value;
    else if (key.startsWith('input.')) input[key.slice(6)] = value;
    else plain[key] = checked(key, value);
    if (key !== 'id') query[key] = key === 'status' ? statusWords(value).join(',') : value;
  }
  if (texts.length > 1) {
    throw new RangeError('Give one text to look for: an id or words, not both.');
  }
  if (texts.length > 0) plain['q'] = query['q'] = texts.join(' ');
  if (Object.keys(labels).length > 0) plain['labels'] = labels;
  if (Object.keys(input).length > 0) plain['input'] = input;
  return { query, batch: plain };
}

function checked(key: string, value: string): unknown {
  if (value === '')
    throw new RangeError(`Say what ${key} should be, as in ${key}:${example(key)}.`);
  if (key === 'status') return statusWords(value);
  if (key === 'code' && !outcomeCodes.some((code) => code === value)) {
    throw new RangeError(
      `No operation ends with code:${value}. Codes: ${outcomeCodes.join(', ')}.`,
    );
  }
  return key === 'since' || key === 'until' ? timeOf(key, value) : value;
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A time from a duration back or an instant. Batches accept only instants. */
export function timeOf(key: string, value: string): Date {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(value) ?? [];
  const at =
    amount === undefined ? Date.parse(value) : Date.now() - Number(amount) * (unitMs[unit] ?? 0);
  if (!Number.isNaN(at)) return new Date(at);
  throw new RangeError(`${key}:${value} is no time. Try ${key}:2h, ${key}:7d or an instant.`);
}

function example(key: string): string {
  return (
    { status: 'failed', task: 'reports', code: 'timeout', since: '2h', until: '1d' }[key] ?? '…'
  );
}

/** Common words for statuses, beside those of the API. */
const aliases: Readonly<Record<string, OperationStatus>> = {
  waiting: 'pending',
  queued: 'pending',
  running: 'processing',
  done: 'completed',
};

function statusWords(value: string): OperationStatus[] {
  return value.split(',').map((word) => {
    const name = word.toLowerCase();
    const status = statuses.find((one) => one === name) ?? aliases[name];
    if (status !== undefined) return status;
    throw new RangeError(`No status is called ${word}. Try ${statuses.join(', ')}.`);
  });
}

/** A test whether a name matches a pattern, in which * stands for any text. */
export function glob(pattern: string): (name: string) => boolean {
  const parts = pattern
    .split('*')
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`));
  const whole = new RegExp(`^${parts.join('.*')}$`);
  return (name) => whole.test(name);
}

/**
 * Whether an operation from the feed belongs into the list. null: only the server can say, because
 * the feed carries no inputs.
 */
export function matches(filter: Filter, operation: WireOperation): boolean | null {
  let known = filter.words === '';
  for (const { key, value } of filter.terms) {
    const fits = termFits({ key, value }, operation);
    if (fits === false) return false;
    if (fits === null) known = false;
  }
  return known ? true : null;
}

function termFits({ key, value }: Term, operation: WireOperation): boolean | null {
  if (key === 'status') return statusWords(value).includes(operation.status);
  if (key === 'task') return glob(value)(operation.task);
  if (key === 'code') return operation.error?.code === value;
  if (key === 'error') return operation.error?.detail.includes(value) ?? false;
  if (key === 'id') return operation.id.includes(value);
  if (key === 'since') return true;
  if (key === 'until') return false;
  if (key.startsWith('label.')) return operation.labels[key.slice(6)] === value;
  return null;
}

export type Suggestion = {
  /** The word after the suggestion is taken. */
  readonly text: string;
  readonly hint: string;
};

/** Suggestions for the word at the end of `before`, which is the text up to the caret. */
export function suggestions(
  before: string,
  known: { readonly tasks: readonly string[]; readonly labels: readonly Term[] },
): readonly Suggestion[] {
  const word = /\S*$/.exec(before)?.[0] ?? '';
  const colon = word.indexOf(':');
  if (colon === -1) {
    return Object.entries(qualifiers)
      .filter(([name]) => name.startsWith(word.toLowerCase()))
      .map(([name, hint]) => ({ text: name.endsWith('.') ? name : `${name}:`, hint }));
  }
  const key = keyOf(word.slice(0, colon));
  const start = word.slice(colon + 1).toLowerCase();
  return valuesOf(key, known)
    .filter((value) => value.toLowerCase().startsWith(start) && value.toLowerCase() !== start)
    .slice(0, 8)
    .map((value) => ({ text: `${key}:${quoted(value)} `, hint: '' }));
}

function valuesOf(key: string, known: Parameters<typeof suggestions>[1]): readonly string[] {
  if (key === 'status') return statuses;
  if (key === 'task') return known.tasks;
  if (key === 'code') return outcomeCodes;
  if (key === 'since' || key === 'until') return ['15m', '1h', '2h', '24h', '7d'];
  return known.labels.filter((label) => `label.${label.key}` === key).map(({ value }) => value);
}
