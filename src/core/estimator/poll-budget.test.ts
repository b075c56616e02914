import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { PollBudget } from './poll-budget.ts';

describe('PollBudget', () => {
  it('leaves a due instant alone while its second has room', () => {
    const budget = new PollBudget({ perSecond: 2, seconds: 60 });
    assert.equal(budget.take({ dueAt: 5_250, now: 5_000 }), 5_250);
    assert.equal(budget.take({ dueAt: 5_999, now: 5_000 }), 5_999);
    assert.equal(budget.take({ dueAt: 5_250, now: 5_000 }), 6_000);
  });

  it('holds 10,000 that are due together at exactly the budget a second', () => {
    const budget = new PollBudget({ perSecond: 100, seconds: 960 });
    const seconds = new Map<number, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const at = budget.take({ dueAt: 30_400, now: 0 });
      const second = Math.floor(at! / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    // Only six tenths of the first second are left when they are due.
    assert.deepEqual([...seconds.values()], [60, ...Array<number>(99).fill(100), 40]);
  });

  it('never promises a second to more than the budget, nor an instant before it is due', () => {
    const asks = fc.array(
      fc.record({
        passed: fc.nat({ max: 3_000 }),
        wait: fc.nat({ max: 9_000 }),
      }),
      { maxLength: 400, size: 'max' },
    );
    fc.assert(
      fc.property(asks, fc.integer({ min: 1, max: 4 }), (script, perSecond) => {
        const budget = new PollBudget({ perSecond, seconds: 12 });
        const seconds = new Map<number, number>();
        let now = 1_800_000_000_000;
        for (const { passed, wait } of script) {
          now += passed;
          const at = budget.take({ dueAt: now + wait, now });
          if (at === null) {
            // Then every place of the ring from there on must be taken.
            for (let s = Math.floor((now + wait) / 1000); s < Math.floor(now / 1000) + 12; s += 1) {
              assert.equal(seconds.get(s), perSecond);
            }
            continue;
          }
          assert.ok(at >= now + wait);
          const second = Math.floor(at / 1000);
          for (let s = Math.floor((now + wait) / 1000); s < second; s += 1) {
            assert.equal(seconds.get(s), perSecond, `second ${s} had room`);
          }
          seconds.set(second, (seconds.get(second) ?? 0) + 1);
          assert.ok(seconds.get(second)! <= perSecond, `second ${second}`);
        }
      }),
    );
  });

  it('spreads over the second what is due at its end or was put off', () => {
    const budget = new PollBudget({ perSecond: 100, seconds: 960 });
    const tenths = new Map<number, number>();
    for (let i = 0; i < 1_000; i += 1) {
      const at = budget.take({ dueAt: 30_950, now: 0 })!;
      const tenth = Math.floor(at / 100);
      tenths.set(tenth, (tenths.get(tenth) ?? 0) + 1);
    }
    assert.ok([...tenths.values()].every((count) => count <= 10));
    assert.equal(tenths.get(309), 10);
    const whole = [...tenths.keys()].filter((tenth) => tenth >= 310 && tenth < 400);
    assert.equal(whole.length, 90, 'nine seconds without a gap');
  });

  it('keeps to a budget that was made smaller, from there on', () => {
    const budget = new PollBudget({ perSecond: 4, seconds: 960 });
    const seconds = (): number[] =>
      Array.from({ length: 4 }, () => Math.floor(budget.take({ dueAt: 5_000, now: 0 })! / 1000));
    assert.deepEqual(seconds(), [5, 5, 5, 5]);
    budget.setPerSecond(2);
    assert.deepEqual(seconds(), [6, 6, 7, 7]);
  });

  it('finds the room that a larger budget makes in seconds that were full', () => {
    const budget = new PollBudget({ perSecond: 2, seconds: 960 });
    const seconds = (): number[] =>
      Array.from({ length: 4 }, () => Math.floor(budget.take({ dueAt: 5_000, now: 0 })! / 1000));
    assert.deepEqual(seconds(), [5, 5, 6, 6]);
    budget.setPerSecond(3);
    assert.deepEqual(seconds(), [5, 6, 7, 7]);
  });
});
