import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { SlotRing } from './slot-ring.ts';

describe('SlotRing', () => {
  it('leaves a due instant alone while its second has room', () => {
    const slots = new SlotRing({ perSecond: 2, seconds: 60 });
    assert.equal(slots.take({ dueAt: 5_250, now: 5_000, random: 0.5 }), 5_250);
    assert.equal(slots.take({ dueAt: 5_999, now: 5_000, random: 0.5 }), 5_999);
    assert.equal(slots.take({ dueAt: 5_250, now: 5_000, random: 0.5 }), 6_500);
  });

  it('holds 10,000 that are due together at exactly the budget a second', () => {
    const slots = new SlotRing({ perSecond: 100, seconds: 960 });
    const seconds = new Map<number, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const at = slots.take({ dueAt: 30_400, now: 0, random: (i % 100) / 100 });
      const second = Math.floor(at! / 1000);
      seconds.set(second, (seconds.get(second) ?? 0) + 1);
    }
    assert.deepEqual([...seconds.values()], Array(100).fill(100));
  });

  it('never promises a second to more than the budget, nor an instant before it is due', () => {
    const asks = fc.array(
      fc.record({
        passed: fc.nat({ max: 3_000 }),
        wait: fc.nat({ max: 9_000 }),
        random: fc.integer({ min: 0, max: 999 }).map((n) => n / 1000),
      }),
      { maxLength: 400, size: 'max' },
    );
    fc.assert(
      fc.property(asks, fc.integer({ min: 1, max: 4 }), (script, perSecond) => {
        const slots = new SlotRing({ perSecond, seconds: 12 });
        const seconds = new Map<number, number>();
        let now = 1_800_000_000_000;
        for (const { passed, wait, random } of script) {
          now += passed;
          const at = slots.take({ dueAt: now + wait, now, random });
          if (at === null) {
            // Then all of the ring from there on must be taken.
            for (let s = Math.floor((now + wait) / 1000); s < Math.floor(now / 1000) + 12; s += 1) {
              assert.equal(seconds.get(s), perSecond);
            }
            continue;
          }
          assert.ok(at >= now + wait);
          const second = Math.floor(at / 1000);
          seconds.set(second, (seconds.get(second) ?? 0) + 1);
          assert.ok(seconds.get(second)! <= perSecond, `second ${second}`);
        }
      }),
    );
  });
});
