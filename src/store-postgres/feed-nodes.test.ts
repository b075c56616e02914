import assert from 'node:assert/strict';
import { after, describe, it, type TestContext } from 'node:test';
import { createEngine } from '../engine/create-engine.ts';
import type { Clock } from '../core/clock.ts';
import { defineTask } from '../engine/define-task.ts';
import type { FeedEvent } from '../engine/engine.ts';
import { systemClock } from '../engine/system-clock.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

/** The feed of one process reports what another process on the same schema does. */
const server = await startPostgres();
after(() => server.stop());

/** A clock whose sleeps of over a second never end, so that events arrive by hints only. */
const hintsOnly: Clock = {
  now: () => systemClock.now(),
  sleep: (ms, signal) => systemClock.sleep(ms > 1_000 ? 2_000_000_000 : ms, signal),
};

/** `works` runs attempts, `looksOn` only listens, as with `--role api`. */
async function twoNodes(t: TestContext, notify: boolean) {
  const options = { url: server.url, schema: newSchema(), notify };
  const stores = await Promise.all([openPostgresStore(options), openPostgresStore(options)]);
  const gate = Promise.withResolvers<void>();
  const tasks = [
    defineTask('held', {
      async run({ progress }) {
        progress(0.5, 'half');
        await gate.promise;
      },
    }),
  ];
  const [first, second] = stores;
  const works = createEngine({ store: first, tasks });
  const clock = notify ? hintsOnly : systemClock;
  const looksOn = createEngine({ store: second, tasks, clock });
  await works.start();
  looksOn.listen();
  t.after(async () => {
    gate.resolve();
    await Promise.all([works.stop({ now: true }), looksOn.stop({ now: true })]);
    await Promise.all(stores.map((store) => store.close()));
    await dropSchema(options);
  });
  return { works, looksOn, release: () => gate.resolve() };
}

/** Reads on until an event of the operation fits. */
async function until(
  feed: AsyncGenerator<FeedEvent>,
  id: string,
  fits: (operation: (FeedEvent & { type: 'operation' })['operation']) => boolean,
): Promise<void> {
  for (;;) {
    const { value, done } = await feed.next();
    assert.notEqual(done, true);
    if (value?.type !== 'operation' || value.operation.id !== id) continue;
    if (fits(value.operation)) return;
  }
}

describe('the feed over two nodes', { timeout: 60_000 }, () => {
  for (const notify of [true, false]) {
    it(`tells what the other accepts, runs and ends, ${notify ? 'by hints' : 'by looking'}`, async (t) => {
      const { works, looksOn, release } = await twoNodes(t, notify);
      const input = { value: null, text: 'null' };
      const submit = async (): Promise<string> =>
        (await works.submit({ task: 'held', tenant: '', input })).operation.id;
      const before = await submit();
      await works.waitFor({
        id: before,
        tenant: '',
        until: 'change',
        version: 1,
        timeoutMs: 5_000,
      });
      const stop = new AbortController();
      const feed = looksOn.feed({ tenant: '', task: null, signal: stop.signal });
      assert.equal((await feed.next()).value?.type, 'tick');
      const id = await submit();
      await until(feed, id, ({ progress }) => progress?.message === 'half');
      release();
      // Also the end of the operation that was running already when the feed began.
      const ended = new Set<string>();
      while (ended.size < 2) {
        const { value } = await feed.next();
        if (value?.type !== 'operation') continue;
        assert.ok([before, id].includes(value.operation.id));
        if (value.operation.state === 'completed') ended.add(value.operation.id);
      }
      const last = await works.submit({
        task: 'held',
        tenant: '',
        input,
        notBefore: Date.now() + 3_600_000,
      });
      await until(feed, last.operation.id, ({ state }) => state === 'scheduled');
      await works.cancel({ id: last.operation.id, tenant: '' });
      await until(feed, last.operation.id, ({ error }) => error?.code === 'cancelled');
      stop.abort();
      assert.equal((await feed.next()).done, true);
    });
  }
});
