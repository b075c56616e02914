import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { pollWaitMs } from './poll-plan.ts';
import { RetryAfter } from './retry-after.ts';
import { seededRandom } from './seeded-random.fixture.ts';

/** Anything that a predictor may say at an age. */
type Predictor = (ageMs: number, random: () => number) => number[] | null;

const same = (ms: number): number[] => Array<number>(64).fill(ms);
const adversaries: Readonly<Record<string, Predictor>> = {
  'always now': () => same(0),
  never: () => same(Infinity),
  'no number': () => same(Number.NaN),
  'partly no number': (_age, random) =>
    same(1_000).map((ms, i) => (i % 7 === 0 ? Number.NaN : ms * random())),
  'the past': () => same(-5_000),
  'in ten seconds': () => same(10_000),
  'an hour, always': () => same(3_600_000),
  'anything from a millisecond to a year': (_age, random) =>
    same(0).map(() => 10 ** (10 * random())),
  'twice the age, unsorted': (age, random) => same(age).map((ms) => ms * 2 * random()),
  nothing: () => null,
  'an empty sample': () => [],
};

/** The polls of a client that follows the plan, for an operation of `lengthMs`. */
function polls(p: { lengthMs: number; predictor: Predictor; seed: number; capMs: number }) {
  const random = seededRandom(p.seed);
  const retryAfter = new RetryAfter({ random, pollsPerSecond: 1_000, capMs: p.capMs });
  let at = 0;
  let count = 0;
  let lagMost = 0;
  while (at < p.lengthMs) {
    const remaining = p.predictor(at, random);
    const { ms, seconds } = retryAfter.next({ now: at, ageMs: at, remaining, stalled: false });
    assert.ok(Number.isSafeInteger(ms) && ms >= 1 && seconds === Math.ceil(ms / 1000), String(ms));
    const told = remaining?.toSorted((a, b) => a - b)[remaining.length >> 1] ?? 0;
    const usable = remaining === null || remaining.some((value) => Number.isNaN(value)) ? 0 : told;
    // The bound of docs/estimates.md: half the length, a quarter of what was foreseen, or 2 s.
    lagMost = Math.max(2_000, p.lengthMs / 2, (at + Math.max(0, usable)) / 4);
    at += ms;
    count += 1;
    assert.ok(ms <= p.capMs + 1, `${ms} past the cap`);
  }
  return { count, lag: at - p.lengthMs, lagMost };
}

describe('pollWaitMs', () => {
  const lengths = fc.integer({ min: 1, max: 22_000 }).map((n) => Math.round(1.0007 ** n));
  for (const [name, predictor] of Object.entries(adversaries)) {
    it(`holds both bounds when the predictor says: ${name}`, () => {
      fc.assert(
        fc.property(lengths, fc.integer(), (lengthMs, seed) => {
          const { count, lag, lagMost } = polls({ lengthMs, predictor, seed, capMs: 3_600_000 });
          assert.ok(lag <= lagMost * 1.03 + 1, `lag ${lag} of ${lengthMs}, at most ${lagMost}`);
          // 0.4 s up to 20 s, then 2 % more each time.
          const grown = Math.log(Math.max(1, lengthMs / 20_000)) / Math.log(1.02);
          const most = Math.min(lengthMs, 20_000) / 400 + grown + 2;
          assert.ok(count <= most, `${count} polls of ${lengthMs} ms, at most ${most}`);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('costs some 310 polls an hour at the very most', () => {
    const worst = polls({
      lengthMs: 3_600_000,
      predictor: () => same(0),
      seed: 1,
      capMs: 3_600_000,
    });
    assert.ok(worst.count > 250 && worst.count < 330, String(worst.count));
  });

  it('waits out what is certain, as far as the bounds let it, and then asks at the end of it', () => {
    // A quarter of the foreseen minute.
    assert.equal(pollWaitMs({ ageMs: 0, remaining: same(60_000) }), 15_000);
    assert.equal(pollWaitMs({ ageMs: 58_000, remaining: same(2_000) }), 2_000);
  });

  it('asks after the likely end, not in the middle of it', () => {
    const remaining = [...Array<number>(60).fill(4_000), 90_000, 90_000, 90_000, 90_000];
    assert.equal(pollWaitMs({ ageMs: 30_000, remaining }), 4_000);
  });

  it('falls back on half the age when nothing is known', () => {
    assert.equal(pollWaitMs({ ageMs: 0, remaining: null }), 2_000);
    assert.equal(pollWaitMs({ ageMs: 100_000, remaining: null }), 50_000);
  });
});
