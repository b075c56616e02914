import { limits } from '../core/limits.ts';
import type { KeptLine, LineLevel, LogLine } from '../core/log-line.ts';
import type { LogEntry } from './operation-store.ts';

/**
 * The lines of an operation as they are kept: in chunks of about limits.logChunkBytes, the last of which grows while
 * it has room, so that an attempt that writes a line now and then rewrites one small row and leaves few of them.
 */
export type LogChunk = {
  /** Number of its first line. */
  readonly position: number;
  readonly lines: number;
  /** Who wrote last, and how many lines it had sent by then: what is sent again is known by it. */
  readonly writerToken: string;
  readonly writerLines: number;
  /** A line of JSON for each. */
  readonly text: string;
};

/**
 * The chunks that take the lines of `entry`, in order: the first may be `last` with more in it, all others are new.
 * None when its lines are there already.
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
  /** Of `texts`, those that were there before. */
  readonly before: number;
};

function openAgain({ position, lines, text }: LogChunk): OpenChunk {
  return { position, lines, bytes: Buffer.byteLength(text) + 1, texts: [text], before: 1 };
}

/** The lines after number `after`, at most `limit`, of chunks in order. */
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
