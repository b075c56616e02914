import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  AdmissionSimulation,
  type AdmissionQueue,
  type Contender,
} from './admission-simulation.ts';
import type { Residual } from './residual.ts';
import { SlotSimulation } from './slot-simulation.ts';

/** Takes exactly so long. */
function exactly(ms: number): Residual {
  return { values: Float64Array.of(ms, ms, ms), from: 0, count: 3, elapsedMs: 0 };
}

function waiting(p: { ms: number; task?: number; key?: number; delayMs?: number }): Contender {
  return { residual: exactly(p.ms), task: p.task ?? 0, key: p.key ?? -1, delayMs: p.delayMs ?? 0 };
}

function startsOf(queue: Partial<AdmissionQueue> & { line: Contender[] }): number[] {
  const full = { slots: 1, busy: [], taskCaps: [Infinity, Infinity], keyCaps: [1, 1], ...queue };
  const starts = new Float64Array(queue.line.length);
  new AdmissionSimulation(full).play(() => 0.5, starts);
  return [...starts];
}

describe('AdmissionSimulation', () => {
  it('takes the first in the line whenever a slot frees', () => {
    const line = [waiting({ ms: 10 }), waiting({ ms: 5 }), waiting({ ms: 5 })];
    assert.deepEqual(startsOf({ slots: 1, line }), [0, 10, 15]);
    assert.deepEqual(startsOf({ slots: 2, line }), [0, 0, 5]);
    const busy = [waiting({ ms: 7 })];
    assert.deepEqual(startsOf({ slots: 1, busy, line }), [7, 17, 22]);
  });

  it('lets others pass whose task has all its slots', () => {
    const line = [waiting({ ms: 10 }), waiting({ ms: 10 }), waiting({ ms: 3, task: 1 })];
    assert.deepEqual(startsOf({ slots: 2, taskCaps: [1, Infinity], line }), [0, 10, 0]);
  });

  it('lets others of the task pass whose key has all its slots', () => {
    const line = [
      waiting({ ms: 10, key: 0 }),
      waiting({ ms: 10, key: 0 }),
      waiting({ ms: 3, key: 1 }),
      waiting({ ms: 3 }),
    ];
    assert.deepEqual(startsOf({ slots: 3, line }), [0, 10, 0, 0]);
    assert.deepEqual(startsOf({ slots: 2, taskCaps: [2, 1], line }), [0, 10, 0, 3]);
  });

  it('tries the next of a task when the one whose turn it is finds its key full', () => {
    const line = [
      waiting({ ms: 10, key: 0 }),
      waiting({ ms: 5 }),
      waiting({ ms: 10, key: 0 }),
      waiting({ ms: 10 }),
    ];
    assert.deepEqual(startsOf({ slots: 3, taskCaps: [2, 1], line }), [0, 0, 10, 5]);
  });

  it('lets others pass before whoever is not due yet, and prefers it once it is', () => {
    const line = [
      waiting({ ms: 10, delayMs: 15 }),
      ...Array.from({ length: 3 }, () => waiting({ ms: 10 })),
    ];
    assert.deepEqual(startsOf({ slots: 1, line }), [20, 0, 10, 30]);
  });

  it('never starts what a paused task holds, and ends all the same', () => {
    const line = [waiting({ ms: 10 }), waiting({ ms: 10, task: 1 })];
    assert.deepEqual(startsOf({ slots: 1, taskCaps: [0, Infinity], line }), [Infinity, 0]);
  });

  it('waits for drained workers: who holds a slot too many is not replaced', () => {
    const busy = [waiting({ ms: 5 }), waiting({ ms: 10 }), waiting({ ms: 20 })];
    assert.deepEqual(startsOf({ slots: 1, busy, line: [waiting({ ms: 1 })] }), [20]);
    const starts = new Float64Array(1);
    const queue = { slots: 1, busy: busy.map(({ residual }) => residual), ahead: [] };
    new SlotSimulation().play(queue, () => 0.5, { positions: [0], starts });
    assert.deepEqual([...starts], [20]);
  });

  it('passes the room of a key on when the task of the next one in its line is full', () => {
    const line = [
      waiting({ ms: 4, key: 1 }),
      waiting({ ms: 5, task: 1, key: 0 }),
      waiting({ ms: 5, key: 1 }),
      waiting({ ms: 1, task: 1, key: 1 }),
      waiting({ ms: 1, key: 1 }),
      waiting({ ms: 2, task: 1, key: 2, delayMs: 3 }),
      waiting({ ms: 1, key: 0 }),
    ];
    const p = { slots: 4, taskCaps: [3, 2, 1, 1], keyCaps: [1, 2, 1, 1], line };
    assert.deepEqual(startsOf(p), [0, 0, 0, 5, 4, 3, 5]);
  });

  const durations = fc.integer({ min: 1, max: 100 });

  it('is the plain slot queue when there are no caps and no delays', () => {
    const lengths = fc.array(durations, { maxLength: 40 });
    fc.assert(
      fc.property(lengths, lengths, fc.integer({ min: 1, max: 6 }), (held, line, slots) => {
        const busy = held.slice(0, slots + 2).map((ms) => waiting({ ms }));
        const contenders = line.map((ms) => waiting({ ms }));
        const positions = line.map((_, i) => i);
        const starts = new Float64Array(line.length);
        new SlotSimulation().play(
          { slots, busy: busy.map((b) => b.residual), ahead: contenders.map((c) => c.residual) },
          () => 0.5,
          { positions, starts },
        );
        assert.deepEqual(startsOf({ slots, busy, line: contenders }), [...starts]);
      }),
    );
  });

  it('breaks no cap at any instant, leaves no slot idle that somebody could have, whatever the rules', () => {
    const contender = fc.record({
      ms: durations,
      task: fc.integer({ min: 0, max: 2 }),
      key: fc.integer({ min: -1, max: 3 }),
      delayMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 })),
    });
    const caps = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 4, maxLength: 4 });
    const queues = fc.record({
      line: fc.array(contender, { minLength: 1, maxLength: 30 }),
      slots: fc.integer({ min: 1, max: 5 }),
      taskCaps: caps,
      keyCaps: caps,
    });
    fc.assert(
      fc.property(queues, ({ line, slots, taskCaps, keyCaps }) => {
        const starts = startsOf({ line: line.map(waiting), slots, taskCaps, keyCaps });
        const runsAt = (t: number) =>
          line.filter((c, i) => starts[i]! <= t && t < starts[i]! + c.ms);
        for (const [i, t] of starts.entries()) {
          assert.ok(t >= line[i]!.delayMs && t < Infinity);
          const running = runsAt(t);
          assert.ok(running.length <= slots);
          for (const [task, cap] of taskCaps.entries()) {
            assert.ok(running.filter((c) => c.task === task).length <= cap);
          }
          for (const [key, cap] of keyCaps.entries()) {
            assert.ok(running.filter((c) => c.key === key).length <= cap);
          }
        }
        // Just before it started nobody could have been admitted: no slot, no room, or not due.
        for (const [i, c] of line.entries()) {
          const t = starts[i]! - 0.5;
          if (t <= c.delayMs) continue;
          const running = runsAt(t);
          const full =
            running.length >= slots ||
            running.filter((r) => r.task === c.task).length >= taskCaps[c.task]! ||
            (c.key >= 0 && running.filter((r) => r.key === c.key).length >= keyCaps[c.key]!);
          assert.ok(full, `${i} was left waiting at ${t}`);
        }
      }),
      { numRuns: 300 },
    );
  });
});
