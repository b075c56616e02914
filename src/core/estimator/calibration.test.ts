import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Calibration, calibrationBuckets, runningBucket, waitingBucket } from './calibration.ts';
import { estimatorSettings as settings } from './settings.ts';

const bucket = 'running=0';

describe('Calibration', () => {
  it('stretches the spread after a miss and shrinks it a ninth as much after a hold', () => {
    const calibration = new Calibration();
    calibration.predicted(bucket);
    calibration.settled(bucket, true);
    assert.ok(Math.abs(calibration.lambda(bucket) - 1.09) < 1e-12);
    for (let i = 0; i < 9; i += 1) {
      calibration.predicted(bucket);
      calibration.settled(bucket, false);
    }
    assert.ok(Math.abs(calibration.lambda(bucket) - 1) < 1e-12);
  });

  it('takes shorter steps the more outcomes are outstanding, so that a long queue does not wind it up', () => {
    const calibration = new Calibration();
    for (let i = 0; i < 161; i += 1) calibration.predicted(bucket);
    const step = calibration.settled(bucket, true);
    assert.ok(Math.abs(step - 0.1 * 0.1 * 0.9) < 1e-12, String(step));
  });

  it('stays within 0 and 50', () => {
    const calibration = new Calibration();
    for (let i = 0; i < 200; i += 1) calibration.settled(bucket, false);
    assert.equal(calibration.lambda(bucket), 0);
    for (let i = 0; i < 1_000; i += 1) calibration.settled(bucket, true);
    assert.equal(calibration.lambda(bucket), settings.lambdaMax);
  });

  it('keeps buckets apart and forgets the withdrawn without learning', () => {
    const calibration = new Calibration();
    calibration.predicted('waiting<1');
    calibration.dropped('waiting<1');
    assert.equal(calibration.outstanding('waiting<1'), 0);
    calibration.settled('waiting<8', true);
    assert.equal(calibration.lambda('waiting<1'), 1);
  });

  /**
   * Holds for any predictor and any order of outcomes: the sum of step * (miss - 0.10) is the
   * change of the factor. So the miss rate weighted by the steps is 10 % +- (largest factor + 1) /
   * (sum of the steps) while nothing was clamped.
   */
  it('misses one in ten, weighted, up to what the factor can have moved', () => {
    let unclamped = 0;
    const outcomes = fc.array(
      fc.record({
        open: fc.integer({ min: 0, max: 60 }),
        missed: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      }),
      { minLength: 1, maxLength: 300, size: 'max' },
    );
    fc.assert(
      fc.property(outcomes, (script) => {
        const calibration = new Calibration();
        let weights = 0;
        let misses = 0;
        let largest = 1;
        for (const { open, missed } of script) {
          for (let i = 0; i <= open; i += 1) calibration.predicted(bucket);
          const step = calibration.settled(bucket, missed);
          const lambda = calibration.lambda(bucket);
          // The identity ends at a clamp; the rest of the script proves nothing.
          if (lambda === 0 || lambda === settings.lambdaMax) return;
          const weight = step / ((missed ? 1 : 0) - settings.missTarget);
          assert.ok(weight > 0);
          weights += weight;
          misses += missed ? weight : 0;
          largest = Math.max(largest, lambda);
          for (let i = 0; i < open; i += 1) calibration.dropped(bucket);
        }
        unclamped += 1;
        const off = misses / weights - settings.missTarget;
        assert.ok(Math.abs(off) <= (largest + 1) / weights + 1e-9, `${off}`);
        const moved = calibration.lambda(bucket) - 1;
        assert.ok(Math.abs(off * weights - moved) < 1e-9, 'the identity itself');
      }),
    );
    assert.ok(unclamped > 20, `only ${unclamped} scripts stayed within the clamps`);
  });
});

describe('the buckets', () => {
  it('part waiting operations by the rounds ahead and running ones by what they have outlived', () => {
    assert.deepEqual(
      [0, 15, 16, 127, 128].map((ahead) => waitingBucket(ahead, 16)),
      ['waiting<1', 'waiting<1', 'waiting<8', 'waiting<8', 'waiting>=8'],
    );
    assert.deepEqual([0, 0.01, 0.5, 0.89, 0.9, 1].map(runningBucket), [
      'running=0',
      'running<.5',
      'running<.9',
      'running<.9',
      'running>=.9',
      'running>=.9',
    ]);
    assert.equal(new Set(calibrationBuckets).size, 7);
  });
});
