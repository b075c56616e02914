import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as check, constantFrom, double, property } from 'fast-check';
import { LogHistogram } from './log-histogram.ts';

function of(values: readonly number[]): LogHistogram {
  const histogram = new LogHistogram();
  for (const ms of values) histogram.addTo(LogHistogram.binOf(ms));
  return histogram;
}

const lengths = array(double({ min: 0, max: 2 ** 31 - 1, noNaN: true }), { minLength: 1 });

test('a quantile is within a bin of the true one', () => {
  check(
    property(lengths, constantFrom(0.5, 0.95, 0.99), (values, share) => {
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
      const told = of(values).quantile(share)!;
      assert.ok(told <= Math.max(1, exact * 1.27) && told >= (exact < 1 ? 0 : exact / 1.27));
    }),
  );
});

test('the sum of two counts what both did, and comes back from its pairs', () => {
  check(
    property(lengths, lengths, (a, b) => {
      const sum = of(a);
      sum.merge(of(b));
      const both = of([...a, ...b]);
      assert.deepEqual(sum.pairs(), both.pairs());
      assert.equal(sum.total, a.length + b.length);
      const back = LogHistogram.fromPairs(JSON.parse(JSON.stringify(sum.pairs())));
      assert.deepEqual(back?.pairs(), sum.pairs());
      assert.equal(back?.total, sum.total);
    }),
  );
});

test('nothing counted has no quantile, and no length is too odd to be counted', () => {
  assert.equal(new LogHistogram().quantile(0.5), null);
  for (const ms of [-1, 0, NaN, Infinity, 1e300]) {
    const histogram = of([ms]);
    assert.ok(Number.isFinite(histogram.quantile(0.99)), String(ms));
  }
});

test('what are no pairs is refused', () => {
  for (const pairs of [null, {}, [1], [0, 0], [-1, 1], [95, 1], [0.5, 1], [1, 1.5], ['x', 1]]) {
    assert.equal(LogHistogram.fromPairs(pairs), null, JSON.stringify(pairs));
  }
});
