import type { WireLogLine } from 'raincheck/client';

/** Lines that the page holds at once. More make it slow, and nobody scrolls through them. */
export const tailMax = 500;

export type LogTail = {
  readonly lines: readonly WireLogLine[];
  /** Lines that came and were dropped from `lines`, which holds at most `tailMax`. */
  readonly leftOut: number;
  /** Older lines that the server has dropped. */
  readonly lost: number;
};

export const noLines: LogTail = { lines: [], leftOut: 0, lost: 0 };

/** The tail after `more`, in order, has arrived. */
export function extended(tail: LogTail, more: readonly WireLogLine[]): LogTail {
  const all = [...tail.lines, ...more];
  const lines = all.slice(-tailMax);
  const [first] = more;
  const isFirst = tail.lines.length === 0 && first !== undefined;
  return {
    lines,
    leftOut: tail.leftOut + all.length - lines.length,
    lost: isFirst ? first.number - 1 : tail.lost,
  };
}

/**
 * The number of lines missing before this one, which follows `before`; the server dropped them
 * before they were read.
 */
export function gapBefore(line: WireLogLine, before: WireLogLine | undefined): number {
  return before === undefined ? 0 : line.number - before.number - 1;
}
