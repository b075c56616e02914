import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Estimator } from './estimator.ts';
import { learnedStateOf } from './learned-state.ts';

function state(change: object): unknown {
  const estimator = new Estimator({ random: () => 0.5 });
  return { ...estimator.exportLearned(), ...change };
}

describe('learnedStateOf', () => {
  it('takes what exportLearned gives', () => {
    assert.doesNotThrow(() => learnedStateOf(state({})));
  });

  it('names the member that is wrong', () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      [null, /`learned` to be an object, got null/],
      [state({ version: 2 }), /`learned.version` to be 1, got 2/],
      [state({ tasks: [] }), /`learned.tasks` to be an object/],
      [state({ pooled: { values: [1, -1], total: 2 } }), /`learned.pooled.values\[1\]`.*got -1/],
      [state({ pooled: { values: [1, null], total: 2 } }), /`learned.pooled.values\[1\]`/],
      [state({ tasks: { reports: { values: [1], total: 0 } } }), /`learned.tasks.reports.total`/],
      [state({ tasks: { r: { values: Array(513).fill(1), total: 513 } } }), /at most 512 numbers/],
      [state({ stages: { r: { ':x': 3 } } }), /`learned.stages.r.:x` to be an object/],
      [state({ calibration: { 'waiting<1': 51 } }), /`learned.calibration.waiting<1`.*0 to 50/],
      [state({ calibration: { 'waiting<1': 1 } }), /`learned.calibration.waiting<8`/],
    ];
    for (const [value, message] of wrong) assert.throws(() => learnedStateOf(value), message);
  });
});
