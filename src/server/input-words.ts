/**
 * An input as it is typed behind `raincheck run <task>`: `name=text`, and `name:=json` for what is no text; as one
 * `--input` where it is no object with plain names. Quoted for a shell where it must be. '' for `{}`, which needs none.
 */
export function inputWords(input: unknown): string {
  if (!isPlainObject(input)) return `--input ${quoted(JSON.stringify(input))}`;
  return Object.entries(input).map(wordOf).join(' ');
}

function wordOf([name, value]: [string, unknown]): string {
  // A text behind '@' would be taken for a file.
  if (typeof value === 'string' && !value.startsWith('@')) return quoted(`${name}=${value}`);
  return quoted(`${name}:=${JSON.stringify(value)}`);
}

function isPlainObject(input: unknown): input is Record<string, unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return false;
  return Object.keys(input).every((name) => /^[\w-]+$/.test(name) && !name.startsWith('-'));
}

function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
