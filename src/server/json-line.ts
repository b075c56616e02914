import { isSecretName, loggedJson, redacted } from '../core/logged-json.ts';

/**
 * One log record as one line of JSON: level and time, then the fields, then `msg`. Never throws,
 * whatever the fields are. Written by hand because every request and every attempt pays for it: 1.4
 * µs a line, against 6 for pino without redaction and 14 with it (the same five fields, Node 24, 2
 * busy cores).
 */
export function jsonLine(p: {
  readonly level: string;
  /** ISO 8601. */
  readonly time: string;
  readonly fields: object;
  readonly message: string;
}): string {
  let line = `{"level":"${p.level}","time":"${p.time}"`;
  for (const name in p.fields) {
    const value: unknown = p.fields[name as keyof typeof p.fields];
    if (value === undefined || typeof value === 'function') continue;
    const start = starts.get(name) ?? startOf(name);
    line += start.isSecret ? start.text : start.text + json(value);
  }
  return `${line},"msg":${text(p.message)}}\n`;
}

type FieldStart = { readonly text: string; readonly isSecret: boolean };

/** Our own lines have some dozens of field names; handlers may use any number. */
const startsMax = 500;
const starts = new Map<string, FieldStart>();

/** The text `,"name":`, followed by the redacted value if the name is that of a secret. */
function startOf(name: string): FieldStart {
  const isSecret = isSecretName(name);
  const start = { text: `,${text(name)}:${isSecret ? `"${redacted}"` : ''}`, isSecret };
  if (starts.size < startsMax) starts.set(name, start);
  return start;
}

function json(value: unknown): string {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (typeof value === 'boolean' || value === null) return String(value);
  return loggedJson(value);
}

/**
 * A JSON string. Most texts need no escaping, and the test is cheaper than escaping. Also escapes
 * the control characters C1.
 */
function text(value: string): string {
  if (/^[ !#-[\]-~]*$/.test(value)) return `"${value}"`;
  return JSON.stringify(value).replaceAll(/[\u007f-\u009f]/g, (character) => {
    return `\\u00${character.charCodeAt(0).toString(16)}`;
  });
}
