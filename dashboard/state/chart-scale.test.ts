import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linearScale, logScale } from './chart-scale.ts';

describe('the scales of a chart', () => {
  it('goes from 0 to a round number in whole steps', () => {
    assert.deepEqual(linearScale(78).ticks, [0, 50, 100]);
    assert.deepEqual(linearScale(0).ticks, [0, 1]);
    assert.deepEqual(linearScale(3).ticks, [0, 1, 2, 3]);
    assert.equal(linearScale(78).at(50), 0.5);
  });

  it('has whole decades around the values, and a place for 0', () => {
    const scale = logScale([12, 900]);
    assert.deepEqual(scale.ticks, [10, 100, 1000]);
    assert.equal(scale.at(100), 0.5);
    assert.equal(scale.at(0), 0);
  });
});
