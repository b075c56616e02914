import { styleText } from 'node:util';
import { safeText } from './terminal-text.ts';

/**
 * Sends words where they belong: the result to stdout, everything about it (progress, hints, errors) to stderr.
 * `quiet` keeps hints away, `json` all prose but errors, which it turns into one JSON object.
 */
export type Output = {
  readonly json: boolean;
  readonly quiet: boolean;
  /** stdout is a terminal: results are made for eyes. */
  readonly resultIsSeen: boolean;
  /** stderr is a terminal that can rewrite a line. */
  readonly canRewrite: boolean;
  /** Columns of stderr, 80 when unknown. */
  width(): number;
  /** One line (or text) of the result, to stdout. */
  result(text: string): void;
  /** As `result`, for text of our own that carries colour. */
  report(text: string): void;
  /** One object on one line, to stdout. */
  resultJson(value: unknown): void;
  /** Says that something was done: `value` as resultJson with --json, else `text` as result unless quiet. */
  done(text: string, value: unknown): void;
  /** Hints and news, to stderr. */
  note(text: string): void;
  /** An error, to stderr, whatever the flags. */
  problem(text: string): void;
  /** Raw to stderr: the progress line. */
  raw(text: string): void;
  /** Colour for stderr when it takes any (NO_COLOR, FORCE_COLOR, terminal). */
  readonly style: (format: Style, text: string) => string;
  /** The same for stdout. */
  readonly styleResult: (format: Style, text: string) => string;
};

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export function openOutput(flags: { readonly json?: boolean; readonly quiet?: boolean }): Output {
  const { stdout, stderr, env } = process;
  const json = flags.json ?? false;
  const quiet = flags.quiet ?? false;
  const inCi = env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false';
  const canRewrite = stderr.isTTY && env['TERM'] !== 'dumb' && !inCi;
  const result = (text: string): void => {
    stdout.write(`${stdout.isTTY ? safeText(text) : text}\n`);
  };
  const resultJson = (value: unknown): void => {
    stdout.write(`${JSON.stringify(value)}\n`);
  };
  return {
    json,
    quiet,
    resultIsSeen: stdout.isTTY,
    canRewrite: canRewrite && !json && !quiet,
    width: () => stderr.columns || 80,
    result,
    report(text) {
      stdout.write(`${text}\n`);
    },
    resultJson,
    done(text, value) {
      if (json) resultJson(value);
      else if (!quiet) result(text);
    },
    note(text) {
      if (!quiet && !json) stderr.write(`${text}\n`);
    },
    problem(text) {
      stderr.write(`${text}\n`);
    },
    raw(text) {
      stderr.write(text);
    },
    style: (format, text) => styleText(format, text, { stream: stderr }),
    styleResult: (format, text) => styleText(format, text, { stream: stdout }),
  };
}

/** A reader that went away (`| head`) is no error: end quietly, as other tools do. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
}
