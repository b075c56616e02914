import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  durationMs,
  formatDuration,
  parseDuration,
  typedDuration,
  type Duration,
} from './duration.ts';
import { RaincheckError } from './errors.ts';

describe('parseDuration', () => {
  it('takes milliseconds as a number and every unit as text', () => {
    const cases: readonly (readonly [Duration, number])[] = [
      [0, 0],
      [250, 250],
      [1.5, 2],
      ['250ms', 250],
      ['15s', 15_000],
      ['10m', 600_000],
      ['1h', 3_600_000],
      ['7d', 604_800_000],
      ['1.5h', 5_400_000],
      ['15 s', 15_000],
      ['0s', 0],
      ['0.4ms', 0],
    ];
    for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, String(text));
  });

  it('gives null for everything else', () => {
    const texts = ['', ' ', '10', '10 ', 's', '-5s', '+5s', '1e3s', '5S', '5sec', '5  s', ' 5s'];
    const more = ['5s ', '5s\n', '5s5m', '1,5s', '.5s', '5.s', '0x5s', '５s', 'NaNs', 'P1D'];
    for (const text of [...texts, ...more]) assert.equal(parseDuration(text), null, text);
    for (const n of [-1, -0.6, Number.NaN, Infinity, -Infinity]) {
      assert.equal(parseDuration(n), null, String(n));
    }
  });

  it('refuses lengths past what an integer holds exactly', () => {
    assert.equal(parseDuration('104249991374d'), null);
    assert.equal(parseDuration(`${'9'.repeat(400)}ms`), null);
    assert.equal(parseDuration(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
    assert.equal(parseDuration(1e300), null);
  });

  it('never throws and yields whole, safe, non-negative milliseconds or null', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.double(), fc.stringMatching(/^\d+.?\d* ?m?s?$/)),
        (x) => {
          const ms = parseDuration(x);
          assert.ok(ms === null || (Number.isSafeInteger(ms) && ms >= 0));
        },
      ),
    );
  });

  it('does not slow down on long text', () => {
    assert.equal(parseDuration(`${'1'.repeat(100_000)}x`), null);
    assert.equal(parseDuration(`${'1.'.repeat(50_000)}s`), null);
  });
});

describe('the Duration type', () => {
  it('lets only durations compile', () => {
    const good: Duration[] = [5, '5ms', '1.5h', '7 d'];
    // @ts-expect-error a unit that does not exist
    const unit: Duration = '5w';
    // @ts-expect-error text without a unit
    const bare: Duration = '5';
    // @ts-expect-error no number
    const word: Duration = 'soon';
    assert.deepEqual([unit, bare, word].map(parseDuration), [null, null, null]);
    assert.ok(good.map(parseDuration).every((ms) => ms !== null));
  });
});

describe('durationMs', () => {
  it('names the setting and what came', () => {
    assert.equal(durationMs('lease', '15s'), 15_000);
    for (const [got, shown] of [
      ['5 weeks', /`lease`.*"5 weeks" \(string\)/],
      [-1, /`lease`.*-1 \(number\)/],
    ] as const) {
      assert.throws(
        () => durationMs('lease', got),
        (error) =>
          error instanceof RaincheckError &&
          error.code === 'invalid_option' &&
          shown.test(error.message),
      );
    }
  });
});

describe('formatDuration', () => {
  it('reads well at every scale and at every rounding', () => {
    const cases: readonly (readonly [number, string])[] = [
      [-5, '0 ms'],
      [0, '0 ms'],
      [350.4, '350 ms'],
      [999, '999 ms'],
      [999.6, '1.0 s'],
      [1000, '1.0 s'],
      [4_321, '4.3 s'],
      [9_949, '9.9 s'],
      [9_950, '10 s'],
      [59_499, '59 s'],
      [59_500, '1 m 00 s'],
      [125_000, '2 m 05 s'],
      [3_599_499, '59 m 59 s'],
      [3_599_500, '1 h 00 m'],
      [12_000_000, '3 h 20 m'],
      [86_399_999, '1 d 0 h'],
      [187_200_000, '2 d 4 h'],
    ];
    for (const [ms, text] of cases) assert.equal(formatDuration(ms), text, String(ms));
  });
});

describe('typedDuration', () => {
  it('is what parseDuration takes, in the largest unit that fits', () => {
    const cases: [number, string][] = [
      [0, '0ms'],
      [10, '10ms'],
      [1_000, '1s'],
      [1_500, '1500ms'],
      [90_000, '90s'],
      [600_000, '10m'],
      [86_400_000, '1d'],
      [31_622_400_000, '366d'],
    ];
    for (const [ms, text] of cases) {
      assert.equal(typedDuration(ms), text);
      assert.equal(parseDuration(text), ms);
    }
  });
});
