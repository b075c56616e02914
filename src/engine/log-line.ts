import { limits } from '../core/limits.ts';
import { isSecretName, loggedJson, redacted } from '../core/logged-json.ts';
import type { LogLine } from '../core/log-line.ts';
import { cleanText } from './handler-error.ts';

/** Bytes for message and fields; the rest is for time, attempt and level. */
const textBytesMax = limits.logLineBytes - 64;
/** Bytes for the message, where fields must fit in as well. */
const messageBytesMin = textBytesMax / 2;

/**
 * A line as it is stored: message and fields cut to limits.logLineBytes, without secrets. Never
 * throws.
 */
export function logLine(
  p: Pick<LogLine, 'at' | 'attempt' | 'level'> & {
    readonly message: string;
    readonly fields: object | null;
  },
): LogLine {
  const { at, attempt, level } = p;
  const text = cleanText(p.message, textBytesMax);
  const whole = p.fields === null ? null : wholeFields(p.fields);
  const fieldsBytes = whole === null ? 0 : Buffer.byteLength(whole);
  const message = cutToBytes(text, Math.max(messageBytesMin, textBytesMax - fieldsBytes));
  const left = textBytesMax - jsonBytes(message);
  const isWhole = p.fields === null || (whole !== null && fieldsBytes <= left);
  const fields = isWhole || p.fields === null ? whole : fieldsWithin(p.fields, left);
  return { at, attempt, level, message, fields: fields === '{}' ? null : fields };
}

/** All fields as JSON; null: they cannot be converted together. */
function wholeFields(fields: object): string | null {
  try {
    const text = loggedJson({ ...fields }, { withStack: false });
    return text.startsWith('{') ? text : null;
  } catch {
    return null; // a getter throws
  }
}

/**
 * As many members as fit, in order, with long texts cut; a last member says how many were left out.
 */
function fieldsWithin(fields: object, bytesMax: number): string {
  const members: string[] = [];
  let left = bytesMax - 48;
  let missing = 0;
  for (const name of Object.keys(fields)) {
    const json = memberJson(fields, name, left - jsonBytes(name) - 2);
    if (json === null) continue;
    const member = `${JSON.stringify(name)}:${json}`;
    const bytes = Buffer.byteLength(member) + 1;
    if (bytes > left) missing += 1;
    else {
      members.push(member);
      left -= bytes;
    }
  }
  if (missing > 0) members.push(`"…":"${missing} more did not fit"`);
  return `{${members.join(',')}}`;
}

/** null: there is nothing to write. */
function memberJson(fields: object, name: string, bytesMax: number): string | null {
  if (isSecretName(name)) return JSON.stringify(redacted);
  try {
    const value: unknown = fields[name as keyof typeof fields];
    if (value === undefined || typeof value === 'function') return null;
    if (typeof value !== 'string') return loggedJson(value, { withStack: false });
    return JSON.stringify(bytesMax < 32 ? value : cutToBytes(value.toWellFormed(), bytesMax));
  } catch {
    return null; // its getter throws
  }
}

/** Cut so that it takes at most `bytesMax` as JSON, which may be six times as long as the text. */
function cutToBytes(text: string, bytesMax: number): string {
  if (text.length * 6 + 2 <= bytesMax) return text;
  let cut = text;
  for (let bytes = jsonBytes(cut); bytes > bytesMax; bytes = jsonBytes(cut)) {
    const chars = Math.floor((cut.length * bytesMax) / bytes) - 2;
    cut = `${text.slice(0, Math.max(0, chars)).toWellFormed()}…`;
  }
  return cut;
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
