import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { seededRandom } from './seeded-random.fixture.ts';
import { StratifiedDraws } from './stratified-draws.ts';

const futures = 64;

/** The numbers of each draw over all futures. */
function drawn(seed: number, draws: number): number[][] {
  const stratified = new StratifiedDraws();
  stratified.begin(seededRandom(seed));
  const byDraw = Array.from({ length: draws }, (): number[] => []);
  for (let future = 0; future < futures; future += 1) {
    stratified.future(future);
    for (const numbers of byDraw) numbers.push(stratified.next());
  }
  return byDraw;
}

describe('StratifiedDraws', () => {
  it('gives each draw one number of each sixty-fourth', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        for (const numbers of drawn(seed, 20)) {
          const strata = numbers.map((u) => Math.floor(u * futures));
          assert.deepEqual(
            strata.toSorted((a, b) => a - b),
            Array.from({ length: futures }, (_, i) => i),
          );
        }
      }),
      { numRuns: 20 },
    );
  });

  it('gives any two draws of a future numbers that have nothing to do with each other', () => {
    // Over many seeds: the correlation of the first draw with others, within the first future.
    const seeds = Array.from({ length: 2_000 }, (_, seed) => drawn(seed, 6).map(([u]) => u!));
    for (let other = 1; other < 6; other += 1) {
      const products = seeds.map((us) => 12 * (us[0]! - 0.5) * (us[other]! - 0.5));
      const mean = products.reduce((sum, x) => sum + x, 0) / products.length;
      assert.ok(Math.abs(mean) < 0.1, `${other}: ${mean}`);
    }
  });

  it('makes the middle of a sum more certain than plain draws do', () => {
    const spreadOf = (middleBy: (seed: number) => number): number => {
      const middles = Array.from({ length: 200 }, (_, seed) => middleBy(seed));
      const mean = middles.reduce((sum, x) => sum + x, 0) / middles.length;
      return Math.sqrt(middles.reduce((sum, x) => sum + (x - mean) ** 2, 0) / middles.length);
    };
    const terms = 12;
    const middleOfSums = (byDraw: readonly number[][]): number => {
      const sums = Array.from({ length: futures }, (_, i) =>
        byDraw.reduce((sum, numbers) => sum + numbers[i]!, 0),
      ).sort((a, b) => a - b);
      return (sums[31]! + sums[32]!) / 2;
    };
    const stratified = spreadOf((seed) => middleOfSums(drawn(seed, terms)));
    const plain = spreadOf((seed) => {
      const random = seededRandom(seed);
      return middleOfSums(
        Array.from({ length: terms }, () => Array.from({ length: futures }, random)),
      );
    });
    // A share of 2/pi of a median's variance comes from the single terms; stratified draws remove
    // that part.
    assert.ok(stratified < plain * 0.8, `${stratified} ${plain}`);
  });
});
