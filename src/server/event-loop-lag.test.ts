import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { eventLoopLag } from './event-loop-lag.ts';

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('the lag of an event loop that is blocked is as long as the block', async (t) => {
  const lag = eventLoopLag();
  assert.equal(lag.p99Ms(), null);
  lag.start();
  t.after(() => lag.stop());
  for (let i = 0; i < 5; i += 1) {
    await turn();
    block(100);
  }
  await turn();
  const p99Ms = lag.p99Ms();
  assert.ok(p99Ms !== null && p99Ms >= 60 && p99Ms < 5_000, String(p99Ms));
  assert.equal(lag.p99Ms(), null, 'only what came since');
});
