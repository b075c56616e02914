import { setTimeout } from 'node:timers/promises';
import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { loopMeter, SlotGathering, waitMsMax } from './slot-gathering.ts';

/** Ten slots; lists the claims, each of which takes all that are free. */
function openSlots(p: { readonly isBusy: boolean }) {
  let free = 0;
  const time = { ms: 0 };
  const claims: number[] = [];
  const gathering = new SlotGathering({
    slots: 10,
    free: () => free,
    claim: () => {
      claims.push(free);
      free = 0;
    },
    now: () => time.ms,
    isBusy: () => p.isBusy,
  });
  const release = (count: number): void => {
    free += count;
    gathering.freed();
  };
  /** Frees slots in a turn of the event loop, before gathering looks at the end of that turn. */
  const turn = async (count: number): Promise<void> => {
    const next = new Promise((resolve) => setImmediate(resolve));
    if (count > 0) release(count);
    await next;
  };
  return { claims, release, time, turn };
}

describe('slots that become free', () => {
  it('are claimed for a turn later when no more follow', async () => {
    const { claims, turn } = openSlots({ isBusy: false });
    await turn(1);
    assert.deepEqual(claims, []);
    await turn(0);
    assert.deepEqual(claims, [1]);
  });

  it('wait for more while every turn frees some', async () => {
    const { claims, turn } = openSlots({ isBusy: false });
    for (let i = 0; i < 4; i += 1) await turn(1);
    assert.deepEqual(claims, []);
    await turn(0);
    await turn(0);
    assert.deepEqual(claims, [4]);
  });

  it('are claimed for at once when half are free, if the thread has time to spare', () => {
    const { claims, release } = openSlots({ isBusy: false });
    release(5);
    assert.deepEqual(claims, [5]);
  });

  it('are waited for up to all of them by a thread that has none', async () => {
    const { claims, turn } = openSlots({ isBusy: true });
    for (let i = 0; i < 9; i += 1) await turn(1);
    assert.deepEqual(claims, []);
    await turn(1);
    await turn(0);
    assert.deepEqual(claims, [10]);
  });

  it('wait for 2 ms at most', async () => {
    const { claims, time, turn } = openSlots({ isBusy: true });
    await turn(1);
    await turn(1);
    time.ms = waitMsMax;
    await turn(1);
    await turn(0);
    assert.deepEqual(claims, [3]);
  });
});

describe('the meter of the event loop', () => {
  it('tells a thread that only waits from one that only works', async () => {
    const isBusy = loopMeter();
    const until = performance.now() + 20;
    while (performance.now() < until);
    assert.ok(isBusy());
    await setTimeout(50); // no event: time in which nothing happens is what it measures
    assert.ok(!isBusy());
  });
});
