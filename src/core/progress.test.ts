import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { limits } from './limits.ts';
import type { Progress } from './operation.ts';
import { nextProgress, type ProgressReport } from './progress.ts';

const now = 1_800_000_000_000;

function next(report: ProgressReport, previous: Progress | null = null, message?: string) {
  return nextProgress({ previous, report, message, now });
}

describe('nextProgress', () => {
  it('takes a fraction, or so many of so many', () => {
    const of = { message: null, updatedAt: now };
    assert.deepEqual(next(0.25), { ...of, fraction: 0.25, current: null, total: null });
    assert.deepEqual(next({ current: 42, total: 100 }), {
      ...of,
      fraction: 0.42,
      current: 42,
      total: 100,
    });
  });

  it('takes nothing but text for a message, and no more of it than the limit', () => {
    for (const message of [[1n], { toJSON: 1 }, 7, null] as unknown as string[]) {
      assert.equal(next(0.5, null, message).message, null);
    }
    const long = next(0.5, null, 'x'.repeat(limits.progressMessageChars + 1));
    assert.equal(long.message?.length, limits.progressMessageChars);
    assert.equal(next(0.5, null, 'a\u0000b\ud800').message, 'ab\ufffd');
  });

  it('keeps the fraction within 0..1', () => {
    assert.equal(next(-3).fraction, 0);
    assert.equal(next(7).fraction, 1);
    assert.equal(next({ current: 5, total: 4 }).fraction, 1);
  });

  it('never lets the fraction fall', () => {
    assert.equal(next(0.3, next(0.6)).fraction, 0.6);
    assert.equal(next({ current: 1, total: 100 }, next(0.6)).fraction, 0.6);
  });

  it('takes a report that is not finite as no news, with its message', () => {
    for (const report of [Number.NaN, Infinity, -Infinity, { current: 0, total: 0 }]) {
      assert.equal(next(report, null, 'still here').fraction, null);
      const after = next(report, next(0.6), 'still here');
      assert.equal(after.fraction, 0.6);
      assert.equal(after.message, 'still here');
    }
    assert.equal(next({ current: Number.NaN, total: 10 }).current, null);
    assert.equal(next({ current: 1, total: Infinity }).total, null);
  });

  it('keeps the last message until there is another, and cuts a long one', () => {
    const first = next(0.1, null, 'reading');
    assert.equal(next(0.2, first).message, 'reading');
    assert.equal(next(0.2, first, '').message, '');
    assert.equal(next(0.2, null, 'x'.repeat(10_000)).message?.length, limits.progressMessageChars);
  });

  it('holds its promises for any sequence of reports', () => {
    const reports = fc.array(
      fc.oneof(fc.double(), fc.record({ current: fc.double(), total: fc.double() })),
    );
    fc.assert(
      fc.property(reports, (sequence) => {
        let previous: Progress | null = null;
        for (const report of sequence) {
          const after = next(report, previous);
          const before = previous?.fraction ?? null;
          assert.ok(after.fraction === null || (after.fraction >= 0 && after.fraction <= 1));
          assert.ok(before === null || (after.fraction !== null && after.fraction >= before));
          assert.ok(after.current === null || Number.isFinite(after.current));
          assert.deepEqual(JSON.parse(JSON.stringify(after)), normalised(after));
          previous = after;
        }
      }),
    );
  });
});

/** JSON has no -0. */
function normalised(progress: Progress): Progress {
  const plain = (n: number | null) => (n === 0 ? 0 : n);
  return {
    ...progress,
    fraction: plain(progress.fraction),
    current: plain(progress.current),
    total: plain(progress.total),
  };
}
