import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from './manual-clock.ts';

describe('manual clock', () => {
  it('stands still until it is moved', async () => {
    const clock = new ManualClock(1000);
    assert.equal(clock.now(), 1000);
    await clock.advance(250);
    assert.equal(clock.now(), 1250);
  });

  it('wakes sleepers in the order of their instants, each at its own', async () => {
    const clock = new ManualClock(0);
    const woken: string[] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push(`${name} at ${clock.now()}`);
    };
    const all = [sleep('c', 30), sleep('a', 10), sleep('b', 10), sleep('late', 31)];
    await clock.advance(30);
    assert.deepStrictEqual(woken, ['a at 10', 'b at 10', 'c at 30']);
    assert.equal(clock.sleepers, 1);
    await clock.advance(1);
    await Promise.all(all);
    assert.equal(clock.sleepers, 0);
  });

  it('lets a loop sleep again within one stretch', async () => {
    const clock = new ManualClock(0);
    const beats: number[] = [];
    const loop = (async () => {
      while (beats.length < 4) {
        await clock.sleep(10);
        // As in a store that commits once a turn.
        await new Promise((resolve) => setImmediate(resolve));
        beats.push(clock.now());
      }
    })();
    await clock.advance(100);
    await loop;
    assert.deepStrictEqual(beats, [10, 20, 30, 40]);
  });

  it('wakes a sleeper early when its signal aborts, without an error', async () => {
    const clock = new ManualClock(0);
    const controller = new AbortController();
    const sleeping = clock.sleep(1_000_000, controller.signal);
    controller.abort();
    await sleeping;
    await clock.sleep(1_000_000, controller.signal);
    assert.equal(clock.sleepers, 0);
    assert.equal(clock.now(), 0);
  });

  it('stalls without waking anyone on the way, and wakes who is due at the next advance', async () => {
    const clock = new ManualClock(1000);
    const woken: number[] = [];
    const sleeping = clock.sleep(10).then(() => woken.push(clock.now()));
    clock.stall(86_400_000);
    await Promise.resolve();
    assert.deepEqual(woken, []);
    await clock.advance(0);
    await sleeping;
    assert.deepEqual(woken, [86_401_000]);
    assert.equal(clock.elapsed(), 86_401_000);
  });

  it('jumps without waking anyone, forward or back: sleepers go by elapsed time', async () => {
    const clock = new ManualClock(1000);
    let woken = false;
    const sleeping = clock.sleep(10).then(() => (woken = true));
    clock.jump(-500);
    assert.equal(clock.now(), 500);
    clock.jump(1_000_000);
    await clock.advance(9);
    assert.equal(woken, false);
    await clock.advance(1);
    assert.equal(await sleeping, true);
    assert.equal(clock.now(), 1_000_510);
  });
});
