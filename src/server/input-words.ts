/**
 * An input as one types it after `raincheck run <task>`: `name=text`, and `name:=json` for other
 * values than texts. An input that is not an object with plain names becomes one `--input`. Quoted
 * for a shell where necessary. '' for `{}`, which needs nothing.
 */
export function inputWords(input: unknown): string {
  if (!isPlainObject(input)) return `--input ${quoted(JSON.stringify(input))}`;
  return Object.entries(input).map(wordOf).join(' ');
}

function wordOf([name, value]: [string, unknown]): string {
  // A text that begins with '@' would be taken for the name of a file.
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
