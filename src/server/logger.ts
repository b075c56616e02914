import { Console } from 'node:console';
import { styleText } from 'node:util';
import { isSecretName } from '../core/logged-json.ts';
import type { Logger } from '../engine/logger.ts';
import { jsonLine } from './json-line.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
/** The lowest level that is logged. silent: nothing is logged. */
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['pretty', 'json'] as const;
/** pretty: short lines for a person at a terminal. json: one JSON object a line, for a machine. */
export type LogFormat = (typeof logFormats)[number];

/** A logger that can write out all its lines before the process ends. */
export type FlushableLogger = Logger & { flush(): void };

/**
 * Writes warnings and errors as JSON lines to stderr: the default when a program gives raincheck()
 * no logger.
 */
export function consoleLogger(): Logger {
  // Unlike the stream itself, a Console ignores that the reader is gone.
  const lines = new Console({ stdout: process.stderr });
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void =>
      lines.log(jsonLine({ level, time: new Date().toISOString(), fields, message }).trimEnd());
  const nothing = (): void => undefined;
  return { debug: nothing, info: nothing, warn: at('warn'), error: at('error') };
}

/** Short lines for a person at a terminal: `02:31:07 POST /reports → 202 ms=3`. */
export function prettyLogger(p: {
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly now?: () => Date;
}): FlushableLogger {
  const now = p.now ?? (() => new Date());
  const least = logLevels.indexOf(p.level);
  const at =
    (level: LogLevel) =>
    (fields: object, message: string): void => {
      if (logLevels.indexOf(level) >= least)
        p.write(prettyLine({ level, fields, message, now: now() }));
    };
  return {
    level: p.level,
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    flush: () => undefined,
  };
}

const levelStyle = { debug: 'gray', info: 'reset', warn: 'yellow', error: 'red' } as const;

function prettyLine(p: { level: LogLevel; fields: object; message: string; now: Date }): string {
  const time = styleText('gray', p.now.toTimeString().slice(0, 8));
  const level = p.level === 'silent' ? 'error' : p.level;
  const { err, method, path, status, ...rest } = p.fields as Record<string, unknown>;
  const isRequest = status !== undefined && method !== undefined;
  const text = isRequest
    ? `${shown('', method)} ${shown('', path)} → ${shown('', status)}`
    : p.message;
  const message = styleText(levelStyle[level], printable(text));
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => styleText('gray', `${name}=`) + shown(name, value));
  const tail = err === undefined ? '' : `\n  ${errorText(err).replaceAll('\n', '\n  ')}`;
  return `  ${[time, message, ...fields].join(' ')}${tail}\n`;
}

/**
 * The range of numbers shown as instants, in ms since 1970: from 1973 to the last that a Date can
 * hold.
 */
const instantMin = 1e11;
const instantMax = 8.64e15;

function shown(name: string, value: unknown): string {
  if (isSecretName(name)) return '[redacted]';
  if (typeof value === 'string')
    return /^[\w./:@%+–-]+$/.test(value) ? value : printable(JSON.stringify(value));
  // An instant such as retryAt. JSON lines have it in ms; people read it as a date.
  if (name.endsWith('At') && typeof value === 'number' && Math.abs(value) <= instantMax) {
    return value < instantMin ? String(value) : new Date(value).toISOString();
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  try {
    return printable(JSON.stringify(value));
  } catch {
    return '[cannot be shown]';
  }
}

/**
 * The text of an Error, or of an object with name, message and stack, which is how the engine
 * reports errors.
 */
function errorText(err: unknown, depth = 0): string {
  if (typeof err !== 'object' || err === null) return shown('err', err);
  const { stack, message, cause } = err as { stack?: unknown; message?: unknown; cause?: unknown };
  const text = stack ?? message;
  if (typeof text !== 'string') return shown('err', err);
  const own = text.replaceAll(/\n +at .*(?:node:internal|node_modules).*/g, '');
  // Causes may form a cycle.
  const hasCause = cause !== undefined && depth < 5;
  const before = hasCause ? `\ncaused by ${errorText(cause, depth + 1)}` : '';
  return own.split('\n').map(printable).join('\n') + before;
}

/**
 * Escapes control characters, so that foreign text can neither move the cursor nor colour the
 * terminal.
 */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
