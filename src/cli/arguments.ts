import { readFileSync } from 'node:fs';
import { UsageError } from './exit-codes.ts';
import { fileText } from './file-argument.ts';
import { isObject, setAt, typesAt, type JsonObject } from './json-schema.ts';

/**
 * The input of a task from the words of the command line:
 *
 *   name=text          a string, or what the task's schema says: number, boolean, array, object
 *   name:=json         JSON as it stands
 *   outer.inner=text   a member of a member; `tags.0=a` where the schema says array; `a\.b=c` is one name
 *   name=@file         the file's text; name:=@file its JSON; name=\@x is the text '@x'
 *   name=a name=b      several values where the schema says array
 *
 * They are laid over `base`, the JSON of --input.
 */
export function inputFrom(p: {
  readonly words: readonly string[];
  /** JSON Schema of the input; anything else: all texts stay strings. */
  readonly schema: unknown;
  readonly base?: unknown;
}): unknown {
  if (p.words.length === 0) return p.base ?? {};
  const input = p.base === undefined ? {} : structuredClone(p.base);
  if (!isObject(input)) {
    throw new UsageError('--input is not a JSON object, so no name=value can be added to it.');
  }
  const seen = new Set<string>();
  for (const word of p.words) addWord(word, { input, schema: p.schema, seen });
  return input;
}

function addWord(
  word: string,
  p: { readonly input: JsonObject; readonly schema: unknown; readonly seen: Set<string> },
): void {
  const { path, isJson, text } = parsedWord(word);
  const name = path.join('.');
  const types = typesAt(p.schema, path);
  const content = text.startsWith('@')
    ? fileText(text.slice(1), `\`${name}\``)
    : text.replace(/^\\@/, '@');
  const value = isJson ? jsonOf(content, name) : coerced(content, types, name);
  const key = JSON.stringify(path);
  const isList = types !== null && types.has('array');
  if (p.seen.has(key) && !isList) throw new UsageError(`\`${name}\` is given twice.`);
  const append = isList && !Array.isArray(value);
  const isFirst = !p.seen.has(key);
  p.seen.add(key);
  setAt(p.input, path, { value, append, isFirst, schema: p.schema });
}

function parsedWord(word: string): { path: string[]; isJson: boolean; text: string } {
  const match = /^((?:[^=\\]|\\.)*?)(:?=)([\s\S]*)$/.exec(word);
  const name = match?.[1] ?? '';
  if (match === null || name === '') {
    throw new UsageError(
      `Expected name=value or name:=json, got '${word}'. A whole JSON input goes with --input @file.`,
    );
  }
  const path = name.split(/(?<!\\)\./).map((segment) => segment.replaceAll(/\\(.)/g, '$1'));
  if (path.includes('')) throw new UsageError(`'${name}' has an empty name between its dots.`);
  return { path, isJson: match[2] === ':=', text: match[3] ?? '' };
}

/** `text` as the schema wants it; what does not fit stays a string, so that the server names the fault. */
function coerced(text: string, types: ReadonlySet<string> | null, name: string): unknown {
  if (types === null || types.has('string')) return text;
  if ((types.has('number') || types.has('integer')) && isNumber(text)) return Number(text);
  if (types.has('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.has('null') && text === 'null') return null;
  if (types.has('array')) return text.startsWith('[') ? jsonOf(text, name) : text;
  return types.has('object') ? jsonOf(text, name) : text;
}

function isNumber(text: string): boolean {
  return /^-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text);
}

/** The value of --input: JSON, '@file' or '-' for stdin. */
export function inputOption(text: string): unknown {
  if (text === '-') return jsonOf(readFileSync(0, 'utf8'), '--input -');
  if (text.startsWith('@')) return jsonOf(fileText(text.slice(1), '--input'), `--input ${text}`);
  return jsonOf(text, '--input');
}

function jsonOf(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`\`${name}\` is not JSON: ${reason}`, { cause: error });
  }
}

/** `k=v` of --label, several of them. */
export function labelsFrom(words: readonly string[]): Record<string, string> {
  return pairsFrom(words, '--label name=value');
}

/** `path=value` of --where, several of them. */
export function membersFrom(words: readonly string[]): Record<string, string> {
  return pairsFrom(words, '--where path=value');
}

function pairsFrom(words: readonly string[], wanted: string): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const equals = word.indexOf('=');
      if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)];
      throw new UsageError(`Expected ${wanted}, got '${word}'.`);
    }),
  );
}
