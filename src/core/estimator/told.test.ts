import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CompletionEstimate } from './completion-estimate.ts';
import { toldFirst, toldNext, type Told } from './told.ts';

const estimate: CompletionEstimate = {
  known: true,
  startsAt: 1_000,
  p50At: 2_000,
  p90At: 3_000,
  queuePosition: 5,
  basis: 'history',
  samples: 10,
  confidence: 'low',
  longerThanUsual: false,
};

describe('toldNext', () => {
  it('holds the end and what it rests on while it hardly moves, and tells the place as it is', () => {
    const fresh = { ...estimate, p50At: 2_050, p90At: 2_950, startsAt: 1_010, samples: 11 };
    const { shown, first, firstAt } = toldNext(toldFirst(estimate, 0), {
      fresh: { ...fresh, queuePosition: 4 },
      at: 100,
      started: false,
    });
    assert.deepEqual(shown, { ...estimate, queuePosition: 4 });
    assert.deepEqual([firstAt, first.p50At, first.p90At], [0, 2_000, 3_000]);
  });

  it('moves, with what it rests on, past a tenth of what is left; a start that has happened at once', () => {
    const fresh = { ...estimate, p50At: 2_500, samples: 11, startsAt: 1_001, queuePosition: 0 };
    const told = toldFirst(estimate, 0);
    const { shown } = toldNext(told, { fresh, at: 1_001, started: true });
    assert.deepEqual(shown, fresh);
    const progress = { ...estimate, basis: 'progress' as const, samples: 3 };
    const by = toldNext(told, { fresh: progress, at: 100, started: false });
    assert.deepEqual([by.shown.basis, by.shown.samples], ['progress', 3]);
  });

  it('remembers that a bound has passed, and tells nothing that has', () => {
    const fresh = (at: number): CompletionEstimate => ({ ...estimate, p50At: at, p90At: at + 10 });
    const late = toldNext(toldFirst(estimate, 0), {
      fresh: fresh(3_100),
      at: 3_001,
      started: true,
    });
    assert.equal(late.shown.longerThanUsual, true);
    const later = toldNext(late, { fresh: fresh(9_000), at: 3_002, started: true });
    assert.equal(later.shown.longerThanUsual, true);
    const guessed = toldNext(late, {
      fresh: { ...fresh(9_000), samples: 4 },
      at: 3_002,
      started: true,
    });
    assert.equal(guessed.shown.longerThanUsual, false, 'of four nobody knows what is usual');
  });

  it('is in order whatever comes: start, median, bound, none in the past but a start that happened', () => {
    const steps = fc.array(
      fc.record({ passed: fc.nat(300), wait: fc.nat(500), left: fc.nat(500), spread: fc.nat(500) }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(steps, (script) => {
        let at = 0;
        let told: Told | null = null;
        for (const { passed, wait, left, spread } of script) {
          at += passed;
          const startsAt = at + wait;
          const p50At = startsAt + left;
          const fresh = { ...estimate, startsAt, p50At, p90At: p50At + spread };
          told =
            told === null ? toldFirst(fresh, at) : toldNext(told, { fresh, at, started: false });
          const { shown } = told;
          assert.ok(shown.startsAt >= at && shown.startsAt <= shown.p50At);
          assert.ok(shown.p50At <= shown.p90At);
        }
      }),
    );
  });
});
