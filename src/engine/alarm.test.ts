import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../testing/manual-clock.ts';
import { Alarm } from './alarm.ts';

function ringing(): { clock: ManualClock; alarm: Alarm; rang: number[]; start: number } {
  const clock = new ManualClock();
  const rang: number[] = [];
  const start = clock.now();
  return { clock, rang, start, alarm: new Alarm(clock, () => rang.push(clock.now() - start)) };
}

test('it rings once, at the instant last set', async () => {
  const { clock, alarm, rang, start } = ringing();
  alarm.set(start + 100);
  alarm.set(start + 50);
  alarm.set(start + 200);
  await clock.advance(1_000);
  assert.deepEqual(rang, [200]);
});

test('setEarlier never moves it later', async () => {
  const { clock, alarm, rang, start } = ringing();
  alarm.setEarlier(start + 100);
  alarm.setEarlier(start + 200);
  alarm.setEarlier(start + 70);
  await clock.advance(1_000);
  assert.deepEqual(rang, [70]);
});

test('a thousand moves to later use one sleep', async () => {
  const { clock, alarm, rang, start } = ringing();
  for (let i = 1; i <= 1_000; i += 1) alarm.set(start + i);
  assert.equal(clock.sleepers, 1);
  await clock.advance(2_000);
  assert.deepEqual(rang, [1_000]);
});

test('cleared it is silent and holds no timer; set again it rings', async () => {
  const { clock, alarm, rang, start } = ringing();
  alarm.set(start + 10);
  alarm.clear();
  assert.equal(clock.sleepers, 0);
  await clock.advance(100);
  assert.deepEqual(rang, []);
  alarm.set(start + 150);
  await clock.advance(100);
  assert.deepEqual(rang, [150]);
});
