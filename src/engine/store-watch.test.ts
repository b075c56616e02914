import assert from 'node:assert/strict';
import { it } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { silentLogger } from './logger.ts';
import { createStoreWatch } from './store-watch.ts';

it('a warning of the store is logged when it begins and when it is over, not every minute', async () => {
  const state: { warnings: string[] } = { warnings: [] };
  const lines: string[] = [];
  const note = (_: object, text: string): void => void lines.push(text);
  const watch = createStoreWatch({
    store: { ...memoryStore(), warnings: async () => state.warnings },
    clock: new ManualClock(),
    logger: { ...silentLogger, warn: note, info: note },
  });
  await watch.runOnce();
  state.warnings = ['Something keeps dead rows.'];
  await watch.runOnce();
  await watch.runOnce();
  state.warnings = [];
  await watch.runOnce();
  await watch.runOnce();
  assert.deepEqual(lines, ['Something keeps dead rows.', 'Nothing slows the store down any more.']);
});
