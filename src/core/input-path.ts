/**
 * A path that names a member of an input, for filters: `user.id` is `{"user":{"id":…}}`. Names
 * consist of letters, digits, '_', '$' and '-', and do not begin with a digit or '-', so that no
 * store takes one for an array index.
 */
const inputPathPattern = /^[\p{L}_$][\p{L}\p{N}_$-]*(?:\.[\p{L}_$][\p{L}\p{N}_$-]*)*$/u;

export function isInputPath(text: string): boolean {
  return inputPathPattern.test(text) && !text.split('.').includes('__proto__');
}

/**
 * The text that a filter compares: a string member itself, or the JSON text of a number, true or
 * false as it was sent (`1.50` is not `1.5`). null: there is no such member, or it is null, an
 * array or an object. If several members have one name, it is undefined which of them counts.
 */
export function inputMemberText(input: string, path: string): string | null {
  let member: unknown = parseWithNumbers(input);
  for (const name of path.split('.')) {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return null;
    if (member instanceof NumberText || !Object.hasOwn(member, name)) return null;
    member = (member as Readonly<Record<string, unknown>>)[name];
  }
  if (typeof member === 'string') return member;
  if (member instanceof NumberText) return member.text;
  return typeof member === 'boolean' ? String(member) : null;
}

/** A number as it was written in the JSON. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The third parameter of a reviver (ES2026) is not in TypeScript's library yet. */
type SourceReviver = (
  key: string,
  value: unknown,
  context: { readonly source?: string },
) => unknown;

function parseWithNumbers(json: string): unknown {
  const reviver: SourceReviver = (_, value, { source }) =>
    typeof value === 'number' ? new NumberText(source ?? String(value)) : value;
  return JSON.parse(json, reviver as (key: string, value: unknown) => unknown);
}
