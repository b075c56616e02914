import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { wireEstimate, wireOperation } from '../../test/support/wire-samples.ts';
import type { WireEstimate } from '../core/wire-operation.ts';
import { estimateText } from './estimate-text.ts';

// Of local time, as people read it.
const start = new Date(2026, 0, 1, 14, 28, 50).getTime();
const at = (seconds: number): string => new Date(start + seconds * 1000).toISOString();

function text(members: Partial<WireEstimate>, seconds = 0) {
  const operation = wireOperation({ status: 'processing', estimate: wireEstimate(members) });
  return estimateText(operation, start + seconds * 1000);
}

describe('the estimate in words', () => {
  it('tells the median, the bound and how many operations are behind it', () => {
    const estimate = { completes_at: at(125), completes_by: at(185), samples: 212 };
    assert.deepEqual(text(estimate), {
      full: 'about 2 min, by 14:32 at the latest (212 operations)',
      short: 'about 2 min',
    });
    assert.equal(
      text(estimate, 117)?.full,
      'about 8 s, by 14:31:55 at the latest (212 operations)',
    );
    assert.equal(
      text({ ...estimate, samples: 1 })?.full,
      'about 2 min, by 14:32 at the latest (1 operation)',
    );
    assert.equal(
      text({ ...estimate, basis: 'declared', samples: 0 })?.full,
      'about 2 min, by 14:32 at the latest (as declared)',
    );
  });

  it('names the day when it is another', () => {
    const estimate = { completes_at: at(3 * 86_400), completes_by: at(3 * 86_400 + 60) };
    assert.match(text(estimate)?.full ?? '', /^about 3 days, by 2026-01-04 14:30 at the latest/);
    const hours = { completes_at: at(5 * 3_600), completes_by: at(6 * 3_600) };
    assert.match(text(hours)?.full ?? '', /^about 5 h, by 20:29 at the latest/);
  });

  it('says when it takes longer than usual, by the server or by a bound that passed', () => {
    const estimate = { completes_at: at(10), completes_by: at(20) };
    assert.equal(text({ ...estimate, longer_than_usual: true })?.full, 'longer than usual');
    assert.match(text(estimate, 20)?.full ?? '', /^about 1 s, by/, 'the median has passed');
    assert.equal(text(estimate, 20.001)?.full, 'longer than usual');
  });

  it('says why there is none', () => {
    const none = {
      starts_at: null,
      completes_at: null,
      completes_by: null,
      basis: 'none',
      confidence: 'none',
      samples: 0,
    } as const;
    assert.equal(text({ ...none, reason: 'no_history' })?.full, 'no estimate yet');
    assert.equal(text({ ...none, reason: 'starting' })?.full, 'no estimate yet');
    assert.equal(text({ ...none, reason: 'no_worker' })?.full, 'no worker is running');
    assert.equal(text({ ...none, reason: 'task_paused' })?.full, 'the task is paused');
    assert.equal(text(none)?.full, 'no estimate yet');
    assert.equal(estimateText(wireOperation(), start), null);
  });

  it('only counts down while the server holds its instants', () => {
    const seconds = fc.record({ p50: fc.nat(300_000), passed: fc.array(fc.nat(5_000)) });
    fc.assert(
      fc.property(seconds, ({ p50, passed }) => {
        let now = 0;
        let before = Infinity;
        for (const step of passed) {
          const shown = text({ completes_at: at(p50), completes_by: at(1e6) }, now)?.short ?? '';
          const left = inSeconds(shown);
          assert.ok(left <= before, `${shown} after ${before} s`);
          before = left;
          now += step;
        }
      }),
    );
  });
});

function inSeconds(text: string): number {
  const [, count = '', unit = ''] = /^about (\d+) (s|min|h|days)$/.exec(text) ?? [];
  return Number(count) * ({ s: 1, min: 60, h: 3_600, days: 86_400 }[unit] ?? Number.NaN);
}
