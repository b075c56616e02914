import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CompletionEstimate, NoEstimate } from './completion-estimate.ts';
import { Estimator } from './estimator.ts';
import { seededRandom } from './seeded-random.fixture.ts';
import { taskRulesDefault } from './task-rules.ts';

const second = 1_000;

/** An estimator that has seen operations of `lengths` (ms) of the task `reports`, with one slot. */
function taught(lengths: readonly number[], slots = 1): Estimator {
  const estimator = new Estimator({ random: seededRandom(1) });
  estimator.setSlots(slots);
  for (const [i, ms] of lengths.entries()) teach(estimator, { id: `past-${i}`, ms });
  return estimator;
}

function teach(estimator: Estimator, p: { id: string; ms: number; task?: string }): void {
  const { id, ms, task = 'reports' } = p;
  estimator.onSubmit({ id, task, at: -ms });
  estimator.onStart({ id, at: -ms });
  estimator.onFinish({ id, at: 0 });
}

function known(estimate: CompletionEstimate | NoEstimate): CompletionEstimate {
  assert.ok(estimate.known, JSON.stringify(estimate));
  return estimate;
}

function build(estimator: Estimator, at: number): void {
  const building = estimator.beginSnapshot(at);
  for (;;) {
    const snapshot = building.step();
    if (snapshot === null) continue;
    estimator.adoptSnapshot(snapshot);
    return;
  }
}

const tenSeconds = Array<number>(100).fill(10 * second);

describe('Estimator', () => {
  it('says nothing before five operations have finished, and why', () => {
    const estimator = taught(tenSeconds.slice(0, 4));
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    assert.equal(estimator.predict({ id: 'a', at: 0 }).known, true, 'four of its own are enough');
    estimator.onSubmit({ id: 'b', task: 'invoices', at: 0 });
    assert.deepEqual(estimator.predict({ id: 'b', at: 0 }), {
      known: false,
      reason: 'no_history',
      queuePosition: 1,
      basis: 'none',
      samples: 0,
      confidence: 'none',
    });
    teach(estimator, { id: 'c', ms: 10 * second, task: 'others' });
    const { basis, confidence, samples } = known(estimator.predict({ id: 'b', at: 0 }));
    assert.deepEqual(
      { basis, confidence, samples },
      { basis: 'history', confidence: 'low', samples: 0 },
    );
  });

  it('takes what the author declared until four of the task have finished', () => {
    const estimator = taught([]);
    estimator.setTask('reports', { ...taskRulesDefault, declaredMs: 60 * second });
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    const declared = known(estimator.predict({ id: 'a', at: 0 }));
    assert.equal(declared.basis, 'declared');
    assert.ok(Math.abs(declared.p50At - 60 * second) < 5 * second, String(declared.p50At));
    assert.ok(declared.p90At > 80 * second);
    for (let i = 0; i < 4; i += 1) teach(estimator, { id: `p${i}`, ms: second });
    assert.equal(known(estimator.predict({ id: 'a', at: 0 })).p50At, second);
  });

  it('waits in line: each ahead takes its time on the slots there are', () => {
    const estimator = taught(tenSeconds);
    for (const id of ['a', 'b', 'c', 'd']) estimator.onSubmit({ id, task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    const last = known(estimator.predict({ id: 'd', at: 4 * second }));
    assert.equal(last.queuePosition, 2);
    assert.equal(last.startsAt, 30 * second);
    assert.equal(last.p50At, 40 * second);
    assert.equal(last.confidence, 'ok');
    estimator.setSlots(3);
    assert.equal(known(estimator.predict({ id: 'd', at: 4 * second })).p50At, 20 * second);
  });

  it('lets a higher priority go first, and holds a delayed start until it is due', () => {
    const estimator = taught(tenSeconds);
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onSubmit({ id: 'b', task: 'reports', at: 1, priority: 5 });
    estimator.onSubmit({ id: 'c', task: 'reports', at: 2, readyAt: 60 * second });
    assert.equal(known(estimator.predict({ id: 'b', at: 2 })).p50At, 10 * second + 2);
    assert.equal(known(estimator.predict({ id: 'a', at: 2 })).p50At, 20 * second + 2);
    assert.equal(known(estimator.predict({ id: 'c', at: 2 })).p50At, 70 * second);
  });

  it('knows the caps of tasks and keys, and a paused task', () => {
    const estimator = taught(tenSeconds, 8);
    estimator.setTask('reports', { declaredMs: null, concurrency: null, keyConcurrency: 1 });
    for (const id of ['a', 'b', 'c'])
      estimator.onSubmit({ id, task: 'reports', at: 0, key: 'acme' });
    estimator.onSubmit({ id: 'd', task: 'reports', at: 0, key: 'other' });
    assert.equal(known(estimator.predict({ id: 'c', at: 0 })).p50At, 30 * second);
    assert.equal(known(estimator.predict({ id: 'd', at: 0 })).p50At, 10 * second);
    estimator.setTask('reports', { declaredMs: null, concurrency: 0, keyConcurrency: null });
    const paused = estimator.predict({ id: 'd', at: 0 });
    assert.deepEqual([paused.known, !paused.known && paused.reason], [false, 'not_admitted']);
    assert.deepEqual(estimator.retryAfter({ id: 'd', at: 0 }).seconds, 60);
  });

  it('says nothing while no worker lives, but goes on about what runs', () => {
    const estimator = taught(tenSeconds);
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onSubmit({ id: 'b', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    estimator.setSlots(0);
    const waiting = estimator.predict({ id: 'b', at: 0 });
    assert.equal(!waiting.known && waiting.reason, 'no_worker');
    assert.equal(known(estimator.predict({ id: 'a', at: 0 })).p50At, 10 * second);
  });

  it('conditions on the time that has passed, and says when that is longer than usual', () => {
    const lengths = Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? second : 100 * second));
    const estimator = taught(lengths);
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    const later = known(estimator.predict({ id: 'a', at: 5 * second }));
    assert.equal(later.p50At, 100 * second);
    assert.equal(later.longerThanUsual, false);
    const late = known(estimator.predict({ id: 'a', at: 101 * second }));
    assert.ok(late.longerThanUsual && late.p50At > 101 * second);
  });

  it('takes progress as a key of what remained, never as a rate', () => {
    const estimator = taught([]);
    // 90 % is reported after a second, and the rest takes a minute.
    for (let i = 0; i < 5; i += 1) {
      const id = `p${i}`;
      estimator.onSubmit({ id, task: 'reports', at: 0 });
      estimator.onStart({ id, at: 0 });
      estimator.onProgress({ id, at: (i + 1) * second, fraction: 0.9, message: null });
      estimator.onFinish({ id, at: (i + 61) * second });
    }
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    estimator.onProgress({ id: 'a', at: 30 * second, fraction: 0.92, message: null });
    const estimate = known(estimator.predict({ id: 'a', at: 40 * second }));
    assert.equal(estimate.basis, 'progress');
    assert.equal(estimate.p50At, 90 * second);
  });

  it('goes by the fraction where nothing else is known at all', () => {
    const estimator = taught([]);
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    estimator.onProgress({ id: 'a', at: 10 * second, fraction: 0.25, message: null });
    const estimate = known(estimator.predict({ id: 'a', at: 10 * second }));
    assert.equal(estimate.basis, 'progress');
    assert.ok(Math.abs(estimate.p50At - 40 * second) < 3 * second, String(estimate.p50At));
  });

  it('goes by the fraction rather than by what other tasks take, until some of its own have finished', () => {
    const estimator = taught(tenSeconds);
    const run = (id: string, took: number): void => {
      estimator.onSubmit({ id, task: 'exports', at: 0 });
      estimator.onStart({ id, at: 0 });
      if (took > 0) estimator.onFinish({ id, at: took });
    };
    run('a', 0);
    assert.equal(known(estimator.predict({ id: 'a', at: 0 })).basis, 'history');
    estimator.onProgress({ id: 'a', at: 30 * second, fraction: 0.25, message: null });
    const estimate = known(estimator.predict({ id: 'a', at: 30 * second }));
    assert.equal(estimate.basis, 'progress');
    assert.ok(Math.abs(estimate.p50At - 120 * second) < 10 * second, String(estimate.p50At));
    assert.equal(estimate.longerThanUsual, false, 'of a task that nobody knows');
    for (const id of ['b', 'c', 'd', 'e']) run(id, 40 * second);
    const later = known(estimator.predict({ id: 'a', at: 30 * second }));
    assert.deepEqual([later.basis, later.p50At], ['history', 40 * second]);
  });

  it('keeps an operation in a back-off out of the slots, and counts the back-off', () => {
    const estimator = taught(tenSeconds);
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onSubmit({ id: 'b', task: 'reports', at: 1 });
    estimator.onStart({ id: 'a', at: 0 });
    estimator.onBackOff({ id: 'a', readyAt: 8 * second });
    assert.equal(known(estimator.predict({ id: 'b', at: second })).p50At, 11 * second);
    assert.ok(known(estimator.predict({ id: 'a', at: second })).p50At >= 8 * second);
    estimator.onStart({ id: 'a', at: 8 * second });
    estimator.onFinish({ id: 'a', at: 12 * second });
    const { tasks } = estimator.exportLearned();
    assert.equal(tasks['reports']?.values.at(-1), 12 * second);
  });

  it('learns from its misses: a bound that was too short grows', () => {
    const estimator = taught(tenSeconds);
    const spreadOf = (id: string): number => {
      estimator.onSubmit({ id, task: 'reports', at: 0 });
      estimator.onStart({ id, at: 0 });
      const { p50At, p90At } = known(estimator.predict({ id, at: 0 }));
      return p90At - p50At;
    };
    const before = spreadOf('a');
    estimator.onFinish({ id: 'a', at: 11 * second });
    // A second miss of a known length, so that the forecast itself stays as it is.
    assert.ok(spreadOf('b') > before * 1.05);
    estimator.onWithdraw({ id: 'b' });
  });

  it('pays no heed to events of operations that it does not know, or that come twice', () => {
    const estimator = taught(tenSeconds);
    const before = estimator.exportLearned();
    estimator.onStart({ id: 'x', at: 0 });
    estimator.onProgress({ id: 'x', at: 0, fraction: 0.5, message: null });
    estimator.onBackOff({ id: 'x', readyAt: 5 });
    estimator.onFinish({ id: 'x', at: 9 });
    estimator.onWithdraw({ id: 'x' });
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onSubmit({ id: 'a', task: 'reports', at: 0 });
    estimator.onStart({ id: 'a', at: 0 });
    estimator.onStart({ id: 'a', at: 5 * second });
    assert.equal(known(estimator.predict({ id: 'a', at: 5 * second })).startsAt, 0);
    estimator.onWithdraw({ id: 'a' });
    assert.deepEqual(estimator.exportLearned(), before);
    const gone = estimator.predict({ id: 'a', at: 5 * second });
    assert.equal(!gone.known && gone.reason, 'unknown_operation');
  });
});

describe('the shared snapshot', () => {
  /** `count` operations of ten seconds each, all waiting. */
  function crowded(count: number, slots: number): Estimator {
    const estimator = taught(tenSeconds, slots);
    for (let i = 0; i < count; i += 1) {
      estimator.onSubmit({ id: `w${String(i).padStart(6, '0')}`, task: 'reports', at: 0 });
    }
    return estimator;
  }

  it('is due once there are too many to play for each, and answers for them', () => {
    const estimator = crowded(5_000, 10);
    assert.equal(estimator.snapshotDue(0), true);
    const rough = known(estimator.predict({ id: 'w004999', at: 0 }));
    assert.ok(Math.abs(rough.p50At - 5_000 * second) < 100 * second, String(rough.p50At));
    build(estimator, 0);
    assert.equal(estimator.snapshotDue(0), false);
    const { p50At, queuePosition } = known(estimator.predict({ id: 'w004999', at: 0 }));
    assert.equal(queuePosition, 4_999);
    assert.ok(Math.abs(p50At - 5_000 * second) < 20 * second, String(p50At));
    const middle = known(estimator.predict({ id: 'w002500', at: 0 }));
    assert.ok(Math.abs(middle.p50At - 2_510 * second) < 20 * second, String(middle.p50At));
  });

  it('goes on to answer while the queue moves on, and grows stale after 2 % of its horizon', () => {
    const estimator = crowded(1_000, 10);
    build(estimator, 0);
    const at = 15 * second;
    for (let i = 0; i < 20; i += 1) {
      const id = `w0000${String(i).padStart(2, '0')}`;
      estimator.onStart({ id, at: i < 10 ? 0 : 10 * second });
      if (i < 10) estimator.onFinish({ id, at: 10 * second });
    }
    // 880 are ahead now; used as the position in the snapshot, that would give 20 s too little.
    const { startsAt, queuePosition } = known(estimator.predict({ id: 'w000900', at }));
    assert.equal(queuePosition, 880);
    assert.ok(Math.abs(startsAt - 900 * second) <= 5 * second, String(startsAt));
    assert.equal(estimator.snapshotDue(19 * second), false);
    assert.equal(estimator.snapshotDue(21 * second), true);
  });

  it('tells a capped task from the rest of the line', () => {
    const estimator = taught(tenSeconds, 10);
    estimator.setTask('capped', { declaredMs: null, concurrency: 1, keyConcurrency: null });
    for (let i = 0; i < 400; i += 1) {
      const task = i % 2 === 0 ? 'capped' : 'reports';
      estimator.onSubmit({ id: `w${String(i).padStart(6, '0')}`, task, at: 0 });
    }
    build(estimator, 0);
    // 200 one after the other; the other 200 on the nine slots that are left.
    const capped = known(estimator.predict({ id: 'w000398', at: 0 }));
    assert.ok(Math.abs(capped.p50At - 2_000 * second) < 60 * second, String(capped.p50At));
    const free = known(estimator.predict({ id: 'w000399', at: 0 }));
    assert.ok(Math.abs(free.p50At - 230 * second) < 20 * second, String(free.p50At));
  });

  it('is not disturbed by what is learned while it is played', () => {
    const estimator = crowded(1_000, 10);
    const building = estimator.beginSnapshot(0);
    building.step();
    for (let i = 0; i < 64; i += 1) teach(estimator, { id: `q${i}`, ms: 1 });
    let snapshot = building.step();
    while (snapshot === null) snapshot = building.step();
    assert.equal(snapshot.horizonMs, 1_000 * second);
  });
});

type Step = {
  readonly kind: 'submit' | 'start' | 'progress' | 'backOff' | 'finish' | 'withdraw' | 'slots';
  readonly id: number;
  readonly passed: number;
  readonly amount: number;
};

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Step['kind'][]>(
      'submit',
      'submit',
      'start',
      'start',
      'progress',
      'backOff',
      'finish',
      'finish',
      'withdraw',
      'slots',
    ),
    id: fc.nat({ max: 12 }),
    passed: fc.nat({ max: 40_000 }),
    amount: fc.nat({ max: 9 }),
  }),
  { maxLength: 150, size: 'max' },
);

/** Plays random events, and asks every question after each of them. */
function play(
  script: readonly Step[],
  seed: number,
  judge: (estimator: Estimator, ids: readonly string[], at: number) => void,
): Estimator {
  const estimator = new Estimator({ random: seededRandom(seed) });
  estimator.setSlots(2);
  estimator.setTask('t1', { declaredMs: 5_000, concurrency: 1, keyConcurrency: 1 });
  const ids = Array.from({ length: 13 }, (_, i) => `op_${i}`);
  let at = 1_800_000_000_000;
  for (const step of script) {
    at += step.passed;
    const id = ids[step.id]!;
    const fraction = step.amount / 9;
    if (step.kind === 'submit') {
      const key = step.amount % 2 === 0 ? 'k' : null;
      const readyAt = at + (step.amount === 3 ? 30_000 : 0);
      estimator.onSubmit({
        id,
        task: `t${step.amount % 3}`,
        at,
        key,
        readyAt,
        priority: step.amount % 2,
      });
    } else if (step.kind === 'start') estimator.onStart({ id, at });
    else if (step.kind === 'progress') estimator.onProgress({ id, at, fraction, message: null });
    else if (step.kind === 'backOff')
      estimator.onBackOff({ id, readyAt: at + 1_000 * step.amount });
    else if (step.kind === 'finish') estimator.onFinish({ id, at });
    else if (step.kind === 'withdraw') estimator.onWithdraw({ id });
    else estimator.setSlots(step.amount % 4);
    judge(estimator, ids, at);
  }
  return estimator;
}

describe('whatever happens', () => {
  it('is P50 never in the past, P90 never before P50, and Retry-After a whole number from 1 to the cap', () => {
    let estimates = 0;
    fc.assert(
      fc.property(steps, fc.integer(), (script, seed) => {
        play(script, seed, (estimator, ids, at) => {
          for (const id of ids) {
            const estimate = estimator.predict({ id, at });
            const { ms, seconds } = estimator.retryAfter({ id, at });
            assert.ok(Number.isSafeInteger(ms) && ms >= 1 && ms <= 60_000 && seconds <= 60);
            assert.equal(seconds, Math.ceil(ms / 1000));
            if (!estimate.known) continue;
            estimates += 1;
            assert.ok(Number.isSafeInteger(estimate.p50At) && estimate.p50At >= at);
            assert.ok(Number.isSafeInteger(estimate.p90At) && estimate.p90At >= estimate.p50At);
            assert.ok(estimate.startsAt <= estimate.p50At);
          }
        });
      }),
      { numRuns: 60 },
    );
    assert.ok(estimates > 1_000, `only ${estimates} estimates`);
  });

  it('comes back from what was exported as it was, through JSON', () => {
    fc.assert(
      fc.property(steps, fc.integer(), (script, seed) => {
        const first = play(script, seed, (estimator, ids, at) =>
          estimator.predict({ id: ids[0]!, at }),
        );
        const learned = first.exportLearned();
        const second = new Estimator({ random: seededRandom(seed) });
        second.importLearned(JSON.parse(JSON.stringify(learned)));
        assert.deepEqual(second.exportLearned(), learned);
        // Both also continue in the same way.
        for (const estimator of [first, second]) {
          for (const [i, ms] of [300, 20, 7_000].entries()) teach(estimator, { id: `new${i}`, ms });
        }
        assert.deepEqual(second.exportLearned().tasks, first.exportLearned().tasks);
      }),
    );
  });
});
