import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ManualClock } from '../testing/manual-clock.ts';
import { ClaimLoop, type ClaimRound } from './claim-loop.ts';
import { silentLogger } from './logger.ts';
import { Outage } from './outage.ts';

it('a freed slot leads to a look only when something may have been left for want of one', async () => {
  const clock = new ManualClock();
  const round: { result: ClaimRound } = { result: { claimed: 1, nextDueAt: null, isFull: false } };
  const slots = { areTaken: false };
  let looks = 0;
  const loop = new ClaimLoop({
    clock,
    pollMs: 1_000,
    outage: new Outage(silentLogger, 'claim'),
    full: () => slots.areTaken,
    round: async () => {
      looks += 1;
      return round.result;
    },
  });
  const looksAfter = async (act: () => void): Promise<number> => {
    const before = looks;
    act();
    await turn();
    return looks - before;
  };
  assert.equal(await looksAfter(() => loop.start()), 1);
  assert.equal(await looksAfter(() => loop.freed()), 0, 'the queue was empty');
  assert.equal(await looksAfter(() => loop.wake()), 1, 'something was put in');

  round.result = { claimed: 1, nextDueAt: null, isFull: true };
  assert.equal(await looksAfter(() => loop.wake()), 1);
  round.result = { claimed: 0, nextDueAt: null, isFull: false };
  assert.equal(await looksAfter(() => loop.freed()), 1, 'there was no room for more');
  assert.equal(await looksAfter(() => loop.freed()), 0);

  slots.areTaken = true;
  assert.equal(await looksAfter(() => loop.wake()), 0);
  slots.areTaken = false;
  assert.equal(await looksAfter(() => loop.freed()), 1, 'a wake found no room');
  await loop.stop();
});
