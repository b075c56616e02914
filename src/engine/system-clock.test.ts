import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeClock, systemClock } from './system-clock.ts';

test('the clock follows the wall clock forward and never back', () => {
  let monotonic = 1000.7;
  let wall = 5_000_000;
  const clock = makeClock(
    () => monotonic,
    () => wall,
  );
  const at = (monotonicBy: number, wallBy: number): number => {
    monotonic += monotonicBy;
    wall += wallBy;
    return clock.now();
  };
  assert.equal(at(0, 0), 5_000_000);
  assert.equal(at(10, 10), 5_000_010);
  assert.equal(at(10, -120_000), 5_000_020, 'two minutes back: the monotonic clock carries on');
  assert.equal(at(10, 120_010 + 3_600_000), 8_600_020, 'an hour forward: it follows');
  assert.equal(clock.elapsed?.(), 1030, 'a length of time is untouched by all that');
  assert.ok(Number.isInteger(at(0.3, 0.3)));
});

test('it is close to the wall clock', () => {
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
});

test('a sleeper wakes when its signal aborts, also one that was aborted before', async () => {
  const wake = new AbortController();
  const sleeping = systemClock.sleep(3_600_000, wake.signal);
  wake.abort();
  await sleeping;
  await systemClock.sleep(3_600_000, wake.signal);
});

test('a sleep longer than a timer can hold does not end at once', async () => {
  // The only wait in these tests: a delay that setTimeout cannot hold fires after 1 ms. A slow machine can
  // only hide a fault here, never make one up.
  const wake = new AbortController();
  const ended = systemClock.sleep(30 * 86_400_000, wake.signal).then(() => 'slept');
  const first = await Promise.race([ended, systemClock.sleep(20).then(() => 'still asleep')]);
  assert.equal(first, 'still asleep');
  wake.abort();
});
