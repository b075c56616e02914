import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { SlotGathering } from './slot-gathering.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Ten slots, of which `begin` are free; counts the claims, each of which takes all that are free. */
function slots() {
  let free = 0;
  const claims: number[] = [];
  const gathering = new SlotGathering({
    slots: 10,
    free: () => free,
    claim: () => {
      claims.push(free);
      free = 0;
    },
  });
  return {
    claims,
    release: (count: number): void => {
      free += count;
      gathering.freed();
    },
  };
}

/** Keeps the thread busy long enough to count as such. */
function work(): void {
  for (const until = performance.now() + 5; performance.now() < until;);
}

describe('slots that become free', () => {
  it('are claimed for a turn later when no more follow', async () => {
    const { claims, release } = slots();
    release(1);
    assert.deepEqual(claims, []);
    await turn();
    assert.deepEqual(claims, [1]);
  });

  it('wait for more while every turn frees some', async () => {
    const claimed = async (): Promise<number[]> => {
      const { claims, release } = slots();
      for (let i = 0; i < 4; i += 1) {
        // Comes before what the release puts into the same turn.
        const next = turn();
        release(1);
        await next;
      }
      await turn();
      await turn();
      return claims;
    };
    // They wait for 2 ms at most, which this process may spend without a processor.
    const seen: string[] = [];
    for (let i = 0; i < 50 && !seen.includes('4'); i += 1) seen.push((await claimed()).join());
    assert.equal(seen.at(-1), '4');
  });

  it('are claimed for when half are free, if the thread has time to spare', async () => {
    const { claims, release } = slots();
    await new Promise((resolve) => setTimeout(resolve, 30));
    release(5);
    assert.deepEqual(claims, [5]);
  });

  it('are waited for up to all of them by a thread that has none', async () => {
    const { claims, release } = slots();
    release(1);
    await turn();
    work();
    release(5);
    assert.deepEqual(claims, [1], 'half of them would do otherwise');
    await turn();
    release(4);
    await turn();
    await turn();
    assert.equal(
      claims.slice(1).reduce((sum, count) => sum + count, 0),
      9,
    );
    release(10);
    assert.equal(claims.at(-1), 10);
  });
});
