import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LineProfile, profilePositions } from './line-profile.ts';

describe('LineProfile', () => {
  it('records every position at first and ever fewer, always the last', () => {
    assert.deepEqual([...profilePositions(0)], [0]);
    assert.deepEqual([...profilePositions(4)], [0, 1, 2, 3, 4]);
    const far = profilePositions(1_000_000);
    assert.equal(far.at(-1), 1_000_000);
    assert.ok(far.length < 120, String(far.length));
    assert.equal(new Set(far).size, far.length);
  });

  it('gives sorted waits, in proportion between positions and beyond the last', () => {
    const profile = new LineProfile(Int32Array.of(0, 2, 6), 2);
    const ranks = Int32Array.of(0, 1, 2);
    profile.record(0, Float64Array.of(0, 30, 70), ranks);
    profile.record(1, Float64Array.of(0, 10, 50), ranks);
    profile.sort();
    const at = (position: number): number[] => {
      const waits = new Float64Array(2);
      profile.waits(position, waits);
      return [...waits];
    };
    assert.deepEqual(at(0), [0, 0]);
    assert.deepEqual(at(1), [5, 15]);
    assert.deepEqual(at(2), [10, 30]);
    assert.deepEqual(at(4), [30, 50]);
    assert.deepEqual(at(12), [100, 140]);
    assert.equal(profile.horizonMs, 70);
  });
});
