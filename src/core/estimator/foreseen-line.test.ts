import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Estimator } from './estimator.ts';
import { ForeseenLine, foreseenLineOf } from './foreseen-line.ts';
import type { SeenLine } from './line-building.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import type { TaskRules } from './task-rules.ts';

const now = 1_800_000_000_000;
const id = (i: number): string => `op_${String(i).padStart(6, '0')}`;
const later = { ageMs: 0, newer: 0 };

/**
 * `waiting` operations of 1 s each behind `slots` busy ones that just began; `task` names the task
 * of each.
 */
function played(p: {
  readonly waiting: number;
  readonly slots: number;
  readonly task?: (i: number) => string;
  readonly rules?: Partial<TaskRules>;
}): ForeseenLine {
  const estimator = new Estimator({ random: seededRandom(3), isShared: true });
  estimator.setSlots(p.slots);
  for (let i = 0; i < 64; i += 1) {
    const task = p.task?.(i) ?? 'a';
    estimator.onSubmit({ id: `t${i}`, task, at: now - 2_000 });
    estimator.onStart({ id: `t${i}`, at: now - 2_000 });
    estimator.onFinish({ id: `t${i}`, at: now - 1_000 });
  }
  const none = { declaredMs: null, concurrency: null, keyConcurrency: null };
  if (p.rules !== undefined) estimator.setTask('capped', { ...none, ...p.rules });
  const seen: SeenLine = {
    waiting: Array.from({ length: p.waiting }, (_, i) => ({
      id: id(i),
      task: p.task?.(i) ?? 'a',
      key: null,
      priority: 0,
      readyAt: now - p.waiting + i,
      startedAt: null,
    })),
    running: Array.from({ length: p.slots }, (_, i) => ({
      id: `r${i}`,
      task: 'a',
      key: null,
      startedAt: now,
      stage: null,
    })),
  };
  const building = estimator.beginLine(seen, now);
  for (;;) {
    const built = building.step();
    if (built !== null)
      return new ForeseenLine(foreseenLineOf(JSON.parse(JSON.stringify(built.state))));
  }
}

function queued(
  p: { waiting: number },
  i: number,
  more: { priority?: number; task?: string } = {},
) {
  return { id: id(i), task: 'a', key: null, priority: 0, readyAt: now - p.waiting + i, ...more };
}

function middle(line: ForeseenLine, of: ReturnType<typeof queued>, at = later): number {
  const waits = new Float64Array(64);
  line.waits(of, at, waits);
  return waits[32]!;
}

describe('A queue that another process foresaw', () => {
  it('tells the place of each that waited within 5 %, and exactly of the first twenty', () => {
    const p = { waiting: 10_000, slots: 4 };
    const line = played(p);
    for (const i of [0, 1, 7, 20, 133, 1_999, 7_777, 9_999]) {
      const ahead = line.ahead(queued(p, i), later);
      assert.ok(Math.abs(ahead - i) <= (i <= 20 ? 0 : 0.05 * i), `${ahead}, not ${i}`);
    }
    assert.equal(line.ahead(queued(p, 10_001), { ageMs: 0, newer: 5 }), 10_005);
    assert.equal(line.ahead(queued(p, 5_000, { priority: 1 }), later), 0);
    assert.equal(line.ahead(queued(p, 5_000, { priority: -1 }), later), 10_000);
  });

  it('tells the waits, also of those that come behind, and less as time passes', () => {
    const p = { waiting: 400, slots: 4 };
    const line = played(p);
    for (const i of [4, 40, 399, 404]) {
      const wait = middle(line, queued(p, i), { ageMs: 0, newer: Math.max(0, i - 400) });
      const due = 1_000 * (1 + Math.floor(i / 4));
      assert.ok(Math.abs(wait - due) <= 0.08 * due + 300, `${wait}, not ${due}`);
    }
    const before = middle(line, queued(p, 200));
    assert.equal(middle(line, queued(p, 200), { ageMs: 3_000, newer: 0 }), before - 3_000);
    const ahead = line.ahead(queued(p, 200), { ageMs: 20_000, newer: 0 });
    assert.ok(Math.abs(ahead - 120) <= 10, `${ahead} after twenty rounds of four`);
  });

  it('lets whoever comes to free slots start at once', () => {
    const estimator = new Estimator({ random: seededRandom(3), isShared: true });
    estimator.setSlots(8);
    const building = estimator.beginLine({ waiting: [], running: [] }, now);
    let built = building.step();
    while (built === null) built = building.step();
    const line = new ForeseenLine(built.state);
    const newcomer = queued({ waiting: 0 }, 1);
    assert.equal(middle(line, newcomer, { ageMs: 0, newer: 7 }), 0);
    assert.equal(line.ahead(newcomer, { ageMs: 0, newer: 3 }), 0);
  });

  it('has a line of its own for a capped task, and none for what is paused', () => {
    const task = (i: number): string => (i % 2 === 0 ? 'capped' : 'a');
    const p = { waiting: 80, slots: 4 };
    const line = played({ ...p, task, rules: { concurrency: 1 } });
    const capped = middle(line, queued(p, 40, { task: 'capped' }));
    assert.ok(
      Math.abs(capped - 21_000) <= 3_000,
      `${capped} ms behind twenty of its own, one at a time`,
    );
    const paused = played({ ...p, task, rules: { concurrency: 0 } });
    assert.equal(middle(paused, queued(p, 40, { task: 'capped' })), Infinity);
    assert.ok(Number.isFinite(middle(paused, queued(p, 41))));
  });

  it('refuses what another version wrote', () => {
    for (const state of [null, {}, { version: 2 }]) {
      assert.throws(() => foreseenLineOf(state), { code: 'invalid_option' });
    }
  });
});
