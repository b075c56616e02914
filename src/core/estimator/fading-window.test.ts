import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { FadingWindow } from './fading-window.ts';
import { estimatorSettings as settings } from './settings.ts';
import { windowOf, windowState } from './service-times.ts';

const { taskWindow, taskFade, samples } = settings;
const numbers = fc.array(fc.nat({ max: 50 }), { minLength: 1, maxLength: 300 });

function windowAfter(values: readonly number[]): FadingWindow {
  const window = new FadingWindow();
  for (const value of values) window.push(value);
  return window;
}

/** The smallest of the values above `limit`. */
function nextOf(values: readonly number[], limit: number): number {
  return Math.min(...values.filter((value) => value > limit));
}

function pointsOf(window: FadingWindow): number[] {
  return [...window.sorted.subarray(0, window.count)];
}

describe('FadingWindow', () => {
  it('has each of the values as its points while they are few, or a little above', () => {
    const points = pointsOf(windowAfter([30, 10, 40, 20]));
    for (const [i, value] of [10, 20, 30, 40].entries()) {
      assert.ok(points[i]! >= value && points[i]! <= value + 10 * settings.gapShare, points.join());
    }
    assert.equal(points[3], 40, 'nothing is above the longest');
    assert.equal(new FadingWindow().count, 0);
  });

  it('has points in proportion to what the values count, to a point', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const window = windowAfter(values);
        const points = pointsOf(window);
        const kept = values.slice(-taskWindow);
        assert.deepEqual(window.values(), kept);
        assert.equal(window.total, values.length);
        assert.equal(points.length, Math.min(samples, kept.length));
        const weightAt = (i: number): number => Math.exp(-(kept.length - 1 - i) / taskFade);
        const weight = (limit: number): number =>
          kept.reduce((sum, value, i) => sum + (value <= limit ? weightAt(i) : 0), 0);
        for (const limit of [5, 20, 35, 50]) {
          // Values below the next one are points of this value.
          const share =
            points.filter((point) => point < nextOf(kept, limit)).length / points.length;
          const wanted = weight(limit) / weight(Infinity);
          assert.ok(Math.abs(share - wanted) <= 1 / points.length, `${share} ${wanted}`);
        }
      }),
    );
  });

  it('is sure of as much as a window of 70, and follows a jump sooner', () => {
    const weights = Array.from({ length: taskWindow }, (_, age) => Math.exp(-age / taskFade));
    const sum = weights.reduce((all, weight) => all + weight, 0);
    const effective = sum ** 2 / weights.reduce((all, weight) => all + weight ** 2, 0);
    assert.ok(Math.abs(effective - 70) < 4, String(effective));
    const jumped = windowAfter([...Array<number>(200).fill(1), ...Array<number>(26).fill(3)]);
    assert.equal(pointsOf(jumped)[samples / 2], 3, 'a window of 70 takes 35');
  });

  it('goes on as before when it was made again from its state', () => {
    fc.assert(
      fc.property(numbers, numbers, (before, after) => {
        const window = windowAfter(before);
        const copy = new FadingWindow(windowOf(taskWindow, windowState(window)));
        for (const value of after) {
          window.push(value);
          copy.push(value);
        }
        assert.deepEqual(pointsOf(copy), pointsOf(window));
        assert.equal(copy.total, window.total);
      }),
    );
  });
});
