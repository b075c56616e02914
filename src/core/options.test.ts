import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RaincheckError } from './errors.ts';
import { durationOption, expected, integerOption, refuseUnknownKeys } from './options.ts';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    assert.equal(error.code, 'invalid_option');
    return error.message;
  }
  assert.fail('expected it to throw');
}

describe('refuseUnknownKeys', () => {
  const known = ['timeout', 'attempts', 'run'];

  it('lets known members through, in any order', () => {
    refuseUnknownKeys('task', { run: 1, timeout: undefined }, known);
    refuseUnknownKeys('task', {}, known);
  });

  it('refuses another one and says what was probably meant, or what there is', () => {
    assert.equal(
      messageOf(() => refuseUnknownKeys('task reports', { timeuot: 1 }, known)),
      'Unknown option `timeuot` in task reports. Did you mean `timeout`?',
    );
    assert.equal(
      messageOf(() => refuseUnknownKeys('task reports', { banana: 1 }, known)),
      'Unknown option `banana` in task reports. Known: timeout, attempts, run.',
    );
  });
});

describe('integerOption', () => {
  const bounds = { min: 1, max: 10, fallback: 3 };

  it('takes whole numbers within the bounds, and the default only for undefined', () => {
    assert.equal(integerOption('n', undefined, bounds), 3);
    assert.equal(integerOption('n', 1, bounds), 1);
    assert.equal(integerOption('n', 10, bounds), 10);
  });

  it('refuses all else in one sentence', () => {
    const cases: readonly (readonly [unknown, string])[] = [
      [0, '0 (number)'],
      [11, '11 (number)'],
      [1.5, '1.5 (number)'],
      [Number.NaN, 'NaN (number)'],
      [Infinity, 'Infinity (number)'],
      ['5s', "'5s' (string)"],
      [null, 'null (null)'],
      [true, 'true (boolean)'],
      [5n, '5 (bigint)'],
      [[], 'an array (object)'],
      [{}, 'an object (object)'],
      [() => 1, 'a function (function)'],
      [Symbol('x'), 'Symbol(x) (symbol)'],
    ];
    for (const [value, shown] of cases) {
      assert.equal(
        messageOf(() => integerOption('n', value, bounds)),
        `Expected \`n\` to be an integer from 1 to 10, got ${shown}.`,
      );
    }
  });
});

describe('durationOption', () => {
  const bounds = { minMs: 1000, maxMs: 60_000, fallback: null };

  it('takes durations within the bounds, and the default only for undefined', () => {
    assert.equal(durationOption('lease', undefined, bounds), null);
    assert.equal(durationOption('lease', undefined, { ...bounds, fallback: 15_000 }), 15_000);
    assert.equal(durationOption('lease', 1000, bounds), 1000);
    assert.equal(durationOption('lease', '1m', bounds), 60_000);
  });

  it('refuses what is outside, no duration, or no text and no number', () => {
    assert.match(
      messageOf(() => durationOption('lease', 999, bounds)),
      /`lease`.*from 1s to 1m, got 999 \(a number is ms\)/,
    );
    assert.match(
      messageOf(() => durationOption('lease', '61s', bounds)),
      /from 1s to 1m, got '61s' \(string\)/,
    );
    assert.match(
      messageOf(() => durationOption('lease', 'soon', bounds)),
      /`lease`.*"soon"/,
    );
    assert.match(
      messageOf(() => durationOption('lease', null, bounds)),
      /`lease`.*null/,
    );
  });
});

describe('expected', () => {
  it('shows what came, cut, and never throws', () => {
    assert.match(expected('x', 'y', 'a'.repeat(1_000)).message, /'a{100}' \(string\)/);
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no');
        },
      },
    );
    assert.match(expected('x', 'y', hostile).message, /an object/);
    assert.match(expected('x', 'y', Object.create(null)).message, /an object/);
  });
});
