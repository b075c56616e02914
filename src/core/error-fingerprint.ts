/**
 * The common part of all errors of one kind: the detail without what differs from one to the next,
 * such as numbers, ids, addresses and quoted text. Only for comparison: people are shown a sample.
 */
export function normalisedDetail(detail: string): string {
  let text = detail.slice(0, charsLookedAt);
  for (const [pattern, replacement] of variable) text = text.replaceAll(pattern, replacement);
  return text.trim();
}

/**
 * The beginning of a detail identifies the kind of error; stacks and bodies of answers come later.
 */
const charsLookedAt = 1_000;

/**
 * Applied in this order: patterns whose match may contain others' come first. Each pattern looks at
 * a character a bounded number of times, since anybody may write the text it reads.
 */
const variable: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/\b[a-z][a-z\d+.-]{0,30}:\/\/[^\s"'`<>()]+/gi, '<url>'],
  [/"[^"\n]{0,300}"|`[^`\n]{0,300}`|“[^”\n]{0,300}”|«[^»\n]{0,300}»/g, '<text>'],
  // An apostrophe within a word is no quote.
  [/(?<![\p{L}\d])'[^'\n]{0,300}'(?![\p{L}\d])/gu, '<text>'],
  [/[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}/g, '<email>'],
  [/\b[\da-f]{8}-(?:[\da-f]{4}-){3}[\da-f]{12}\b/gi, '<n>'],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, '<time>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b/g, '<address>'],
  [/\[?(?<![\w:])(?:[\da-f]{0,4}:){2,7}[\da-f]{1,4}(?:\]:\d{1,5})?/gi, '<address>'],
  [/\b0x[\da-f]+\b/gi, '<n>'],
  // Our ids and those of others: a prefix, then letters and digits in any order.
  [/\b[a-z]{1,10}_(?=[a-z]{0,40}\d)[a-z\d]{4,80}\b/gi, '<n>'],
  // Hexadecimal with a digit, and words with letters between digits. Replaced like numbers, since
  // some ids are all digits.
  [/\b(?=[a-f]{0,64}\d)[\da-f]{8,128}\b/gi, '<n>'],
  [/\b[a-z]{0,20}\d+[a-z]+\d[a-z\d]*\b/gi, '<n>'],
  [/(?:(?<!\w)[-+])?\d+(?:[.,]\d+)*/g, '<n>'],
  [/\s+/g, ' '],
];

/** The id of a kind of error, the same in every process: 16 hexadecimal digits. */
export function errorFingerprint(p: {
  readonly task: string;
  readonly code: string;
  readonly detail: string;
}): string {
  return fingerprintOf([p.task, p.code, normalisedDetail(p.detail)]);
}

/**
 * A hash of all `parts` together. FNV-1a, twice: enough to distinguish some thousand kinds; not for
 * secrets.
 */
export function fingerprintOf(parts: readonly string[]): string {
  const text = parts.join('\n');
  return [0x811c9dc5, 0x01000193].map((seed) => hex(fnv1a(text, seed))).join('');
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
