import type { WireLogLine } from 'raincheck/client';

/** Lines that the page holds at once: more of them make it slow, and nobody scrolls through. */
export const tailMax = 500;

export type LogTail = {
  readonly lines: readonly WireLogLine[];
  /** The newest that were there when it was first read, and since, but are not in `lines`. */
  readonly leftOut: number;
  /** Older still: the server keeps them no longer. */
  readonly lost: number;
};

export const noLines: LogTail = { lines: [], leftOut: 0, lost: 0 };

/** What is shown once `more`, in order, has come. */
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

/** Lines that were given up before this one, which follows `before`: the server dropped them before they were read. */
export function gapBefore(line: WireLogLine, before: WireLogLine | undefined): number {
  return before === undefined ? 0 : line.number - before.number - 1;
}
