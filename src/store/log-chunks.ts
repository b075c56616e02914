import { limits } from '../core/limits.ts';
import type { KeptLine, LineLevel, LogLine } from '../core/log-line.ts';
import type { LogEntry } from './operation-store.ts';

/**
 * Stored form of an operation's log lines. They are kept in chunks of about limits.logChunkBytes;
 * the last chunk grows while it has room, so an attempt that writes a line now and then rewrites
 * one small row and leaves few of them.
 */
export type LogChunk = {
  /** Number of the chunk's first line. */
  readonly position: number;
  readonly lines: number;
  /**
   * The writer that wrote last, and how many lines it had sent by then: this identifies lines that
   * are sent again.
   */
  readonly writerToken: string;
  readonly writerLines: number;
  /** One line of JSON for each log line. */
  readonly text: string;
};

/**
 * The chunks to write for the lines of `entry`, in order: the first may be `last` with more lines,
 * all others are new. Empty when all lines are already stored.
 */
export function chunksAfter(last: LogChunk | null, entry: LogEntry): LogChunk[] {
  const { token: writerToken, from } = entry;
  const known = last?.writerToken === writerToken ? Math.max(0, last.writerLines - from) : 0;
  const news = entry.lines.slice(known);
  const writerLines = from + entry.lines.length;
  const chunks: LogChunk[] = [];
  let open = last === null ? null : openAgain(last);
  const close = (): void => {
    if (open === null || open.texts.length === open.before) return;
    const { position, lines, texts } = open;
    chunks.push({ position, lines, writerToken, writerLines, text: texts.join('\n') });
  };
  let position = last === null ? 1 : last.position + last.lines;
  for (const line of news) {
    const text = lineText(line);
    const bytes = Buffer.byteLength(text) + 1;
    if (open === null || open.bytes + bytes > limits.logChunkBytes) {
      close();
      open = { position, lines: 0, bytes: 0, texts: [], before: 0 };
    }
    open.texts.push(text);
    open.bytes += bytes;
    open.lines += 1;
    position += 1;
  }
  close();
  return chunks;
}

type OpenChunk = {
  readonly position: number;
  lines: number;
  bytes: number;
  readonly texts: string[];
  /** How many of `texts` were there before. */
  readonly before: number;
};

function openAgain({ position, lines, text }: LogChunk): OpenChunk {
  return { position, lines, bytes: Buffer.byteLength(text) + 1, texts: [text], before: 1 };
}

/** The lines of `chunks`, which are in order, with a number above `after`, at most `limit`. */
export function linesAfter(
  chunks: Iterable<Pick<LogChunk, 'position' | 'text'>>,
  after: number,
  limit: number,
): KeptLine[] {
  const found: KeptLine[] = [];
  for (const { position, text } of chunks) {
    for (const [i, line] of text.split('\n').entries()) {
      if (position + i <= after) continue;
      if (found.length === limit) return found;
      found.push({ number: position + i, ...lineOf(line) });
    }
  }
  return found;
}

type Columns = [at: number, attempt: number, level: LineLevel, message: string, fields?: unknown];

function lineText({ at, attempt, level, message, fields }: LogLine): string {
  const tail = fields === null ? '' : `,${fields}`;
  return `[${at},${attempt},"${level}",${JSON.stringify(message)}${tail}]`;
}

function lineOf(text: string): LogLine {
  const [at, attempt, level, message, fields] = JSON.parse(text) as Columns;
  const written = fields === undefined ? null : JSON.stringify(fields);
  return { at, attempt, level, message, fields: written };
}
