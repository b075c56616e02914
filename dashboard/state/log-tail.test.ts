import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WireLogLine } from 'raincheck/client';
import { extended, gapBefore, noLines, tailMax } from './log-tail.ts';

function line(number: number): WireLogLine {
  const at = new Date(1_800_000_000_000 + number).toISOString();
  return { number, at, attempt: 1, level: 'info', message: `line ${number}`, fields: null };
}

const lines = (from: number, to: number): WireLogLine[] =>
  Array.from({ length: to - from + 1 }, (_, i) => line(from + i));

describe('the tail of a log', () => {
  it('holds the newest lines and counts what it leaves out', () => {
    let tail = extended(noLines, lines(1, tailMax));
    assert.deepEqual([tail.lines.length, tail.leftOut, tail.lost], [tailMax, 0, 0]);
    tail = extended(tail, lines(tailMax + 1, tailMax + 30));
    assert.deepEqual([tail.lines.length, tail.leftOut, tail.lost], [tailMax, 30, 0]);
    assert.equal(tail.lines[0]?.number, 31);
    assert.equal(tail.lines.at(-1)?.number, tailMax + 30);
    assert.equal(extended(tail, []).leftOut, 30);
  });

  it('tells those that the server has given up from those that it only does not show', () => {
    const tail = extended(extended(noLines, lines(8, 9)), lines(10, 8 + tailMax));
    assert.deepEqual([tail.lines.length, tail.leftOut, tail.lost], [tailMax, 1, 7]);
  });

  it('knows a gap between two lines', () => {
    assert.equal(gapBefore(line(9), line(4)), 4);
    assert.equal(gapBefore(line(5), line(4)), 0);
    assert.equal(gapBefore(line(5), undefined), 0);
  });
});
