import { limits } from '../core/limits.ts';
import type { LogLine } from '../core/log-line.ts';

const linesMax = limits.logBufferLines / 2;
const charsMax = limits.logBufferBytes / 2;

/**
 * The lines of one attempt on their way to the store. Between two writes the first and the latest
 * lines are kept, half of the limits each. Those in the middle are dropped and counted, and a line
 * in their place says so.
 */
export class LogBuffer {
  /** Lines are not sent again before this instant. */
  dueAt = -Infinity;
  /** A write of these lines is under way. */
  isSending = false;
  #head: LogLine[] = [];
  #headChars = 0;
  #tail: LogLine[] = [];
  /** Index of the tail's first line; the lines before it were dropped. */
  #tailFrom = 0;
  #tailChars = 0;
  /** Lines given to the store, which has not answered yet, or not in time. */
  #sent: LogLine[] = [];
  #acknowledged = 0;
  #dropped = 0;
  #droppedLast: LogLine | null = null;

  get hasUnanswered(): boolean {
    return this.#sent.length > 0;
  }

  /** Whether there are lines that may not be stored yet. */
  get isOpen(): boolean {
    return this.#head.length > 0 || this.#sent.length > 0;
  }

  add(line: LogLine): void {
    const chars = charsOf(line);
    if (this.#tail.length === 0 && this.#head.length < linesMax && this.#headChars < charsMax) {
      this.#head.push(line);
      this.#headChars += chars;
      return;
    }
    this.#tail.push(line);
    this.#tailChars += chars;
    while (this.#tail.length - this.#tailFrom > linesMax || this.#tailChars > charsMax) {
      this.#tailChars -= charsOf(this.#tail[this.#tailFrom]);
      this.#tailFrom += 1;
    }
    // Only now and then, because it moves all the lines that are kept.
    if (this.#tailFrom >= linesMax) this.#forgetDropped();
  }

  #forgetDropped(): void {
    const dropped = this.#tail.splice(0, this.#tailFrom);
    this.#dropped += dropped.length;
    this.#droppedLast = dropped.at(-1) ?? this.#droppedLast;
    this.#tailFrom = 0;
  }

  /** All lines that are not acknowledged; `from`: how many lines come before them. */
  take(): { readonly from: number; readonly lines: readonly LogLine[] } {
    this.#forgetDropped();
    const last = this.#droppedLast;
    const told = last === null ? [] : [droppedLine(this.#dropped, last)];
    this.#sent.push(...this.#head, ...told, ...this.#tail);
    this.#head = [];
    this.#headChars = 0;
    this.#tail = [];
    this.#tailChars = 0;
    this.#dropped = 0;
    this.#droppedLast = null;
    return this.again();
  }

  /** The lines of the last take(), without newer ones: for the repetition of a failed write. */
  again(): { readonly from: number; readonly lines: readonly LogLine[] } {
    return { from: this.#acknowledged, lines: this.#sent.slice() };
  }

  /** The store has the first `count` lines of the attempt. */
  acknowledge(count: number): void {
    this.#sent.splice(0, count - this.#acknowledged);
    this.#acknowledged = Math.max(this.#acknowledged, count);
  }
}

function charsOf(line: LogLine | undefined): number {
  return line === undefined ? 0 : line.message.length + (line.fields?.length ?? 0);
}

function droppedLine(count: number, { at, attempt }: LogLine): LogLine {
  const message = count === 1 ? '1 line was dropped here.' : `${count} lines were dropped here.`;
  return { at, attempt, level: 'warn', message, fields: null };
}
