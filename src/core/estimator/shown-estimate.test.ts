import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { shownEstimate, type ShownEstimate } from './shown-estimate.ts';

const before: ShownEstimate = { p50At: 100, p90At: 200, boundPassed: false };

describe('shownEstimate', () => {
  it('holds a time that moves by less than a tenth of what is left, and follows one that moves more', () => {
    const held = shownEstimate({ before, fresh: { p50At: 105, p90At: 215 }, at: 0 });
    assert.deepEqual(held, before);
    const moved = shownEstimate({ before, fresh: { p50At: 120, p90At: 215 }, at: 0 });
    assert.deepEqual(moved, { p50At: 120, p90At: 200, boundPassed: false });
  });

  it('remembers that a bound has passed', () => {
    const late = shownEstimate({ before, fresh: { p50At: 205, p90At: 300 }, at: 201 });
    assert.deepEqual(late, { p50At: 205, p90At: 300, boundPassed: true });
    const later = shownEstimate({ before: late, fresh: { p50At: 250, p90At: 310 }, at: 240 });
    assert.equal(later.boundPassed, true);
  });

  it('shows no P50 in the past and no P90 before it, whatever came before', () => {
    const estimates = fc.array(
      fc.record({
        passed: fc.nat({ max: 50 }),
        left: fc.nat({ max: 500 }),
        spread: fc.nat({ max: 500 }),
      }),
      { maxLength: 60, size: 'max' },
    );
    fc.assert(
      fc.property(estimates, (script) => {
        let shown: ShownEstimate | null = null;
        let at = 0;
        for (const { passed, left, spread } of script) {
          at += passed;
          const fresh = { p50At: at + left, p90At: at + left + spread };
          shown = shownEstimate({ before: shown, fresh, at });
          assert.ok(shown.p50At >= at && shown.p90At >= shown.p50At);
          assert.ok(Math.abs(shown.p50At - fresh.p50At) <= 0.1 * left);
        }
      }),
    );
  });
});
