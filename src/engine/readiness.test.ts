import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import { faultyStore } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createEngine } from './create-engine.ts';

/** An engine over a store that counts its pings, and fails them while it is told to. */
function counted() {
  const clock = new ManualClock();
  const seen = { pings: 0, away: false };
  const store = {
    ...faultyStore(memoryStore(), { nth: Infinity, when: 'before' }).store,
    async ping() {
      seen.pings += 1;
      if (seen.away) throw new Error('away');
    },
  };
  return { seen, clock, engine: createEngine({ store, clock, tasks: [] }) };
}

test('whoever asks within a second whether the engine is ready shares one ping of the store', async () => {
  const { seen, clock, engine } = counted();
  await Promise.all([engine.ready(), engine.ready()]);
  await clock.advance(999);
  await engine.ready();
  assert.equal(seen.pings, 1);
  await clock.advance(1);
  await engine.ready();
  assert.equal(seen.pings, 2);
});

test('a store that is away is asked no more often, and a second later once more', async () => {
  const { seen, clock, engine } = counted();
  seen.away = true;
  await assert.rejects(engine.ready(), { message: 'away' });
  await assert.rejects(engine.ready(), { message: 'away' });
  assert.equal(seen.pings, 1);
  seen.away = false;
  await clock.advance(1_000);
  await engine.ready();
  assert.equal(seen.pings, 2);
});
