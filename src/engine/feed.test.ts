import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { limits } from '../core/limits.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { defineTask } from './define-task.ts';
import { engineFixture, gate, type Fixture } from './engine.fixture.ts';
import type { FeedEvent } from './feed-watcher.ts';

/** A store that counts its reads. */
function countingStore(): { store: Store; reads: () => number } {
  const store = memoryStore();
  let reads = 0;
  const counted = <Args extends readonly unknown[], Result>(verb: (...args: Args) => Result) =>
    ((...args: Args) => {
      reads += 1;
      return verb(...args);
    }) as (...args: Args) => Result;
  Object.assign(store, {
    readOperation: counted(store.readOperation.bind(store)),
    readTasks: counted(store.readTasks.bind(store)),
    listOperations: counted(store.listOperations.bind(store)),
  });
  return { store, reads: () => reads };
}

/** A reader of the feed that keeps what it receives. */
class Onlooker {
  readonly told: FeedEvent[] = [];
  readonly #stop = new AbortController();
  readonly done: Promise<void>;

  constructor({ engine }: Fixture, task: string | null = null) {
    const feed = engine.feed({ tenant: '', task, signal: this.#stop.signal });
    this.done = (async () => {
      for await (const event of feed) this.told.push(event);
    })();
  }

  get states(): string[] {
    return this.told.flatMap((event) =>
      event.type === 'operation' ? [`${event.operation.task} ${event.operation.state}`] : [],
    );
  }

  get ticks(): number {
    return this.told.filter(({ type }) => type === 'tick').length;
  }

  get missed(): number {
    return this.told.reduce((sum, event) => sum + (event.type === 'gap' ? event.missed : 0), 0);
  }

  async leave(): Promise<void> {
    this.#stop.abort();
    await this.done;
  }
}

const quick = defineTask('quick', { run: () => 1 });
const other = defineTask('other', { run: () => 2 });

async function held(t: TestContext, p: { store?: Store } = {}) {
  const opened = gate();
  const slow = defineTask('slow', {
    run: async ({ progress }) => {
      progress(0.5);
      await opened.promise;
    },
  });
  const fixture = await engineFixture(t, [quick, other, slow], p);
  return { ...fixture, opened };
}

describe('The feed', () => {
  it('tells what is accepted, runs and ends, an operation once for each look at it', async (t) => {
    const f = await held(t);
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    assert.deepEqual(
      onlooker.told.map(({ type }) => type),
      ['tick'],
    );
    const { id } = await f.submit(null, { task: 'slow' });
    await f.clock.advance(1_000);
    assert.ok(onlooker.states.every((state) => state.startsWith('slow ')));
    assert.equal(onlooker.states.at(-1), 'slow running');
    f.opened.open();
    await f.final(id);
    await f.clock.advance(300);
    assert.equal(onlooker.states.at(-1), 'slow completed');
    const versions = onlooker.told.flatMap((event) =>
      event.type === 'operation' ? [event.operation.version] : [],
    );
    assert.deepEqual(
      versions,
      [...new Set(versions)].toSorted((a, b) => a - b),
    );
    await onlooker.leave();
  });

  it('tells a cancel and a failure as well', async (t) => {
    const f = await held(t);
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    const { id } = await f.submit(null, { task: 'quick', notBefore: f.clock.now() + 60_000 });
    await f.engine.cancel({ id, tenant: '' });
    await f.clock.advance(300);
    assert.deepEqual(onlooker.states, ['quick failed']);
    await onlooker.leave();
  });

  it('keeps to one task when asked, counters included', async (t) => {
    const f = await held(t);
    const onlooker = new Onlooker(f, 'other');
    await f.clock.advance(0);
    for (const task of ['quick', 'other', 'quick'])
      await f.final((await f.submit(null, { task })).id);
    await f.clock.advance(limits.feedTickMs + 300);
    assert.deepEqual(onlooker.states, ['other completed']);
    const tick = onlooker.told.findLast((event) => event.type === 'tick');
    assert.deepEqual(
      tick?.records.map(({ task, completed }) => [task, completed]),
      [['other', 1]],
    );
    await onlooker.leave();
  });

  it('costs nothing when nobody looks on, and nothing again when they have gone', async (t) => {
    const { store, reads } = countingStore();
    const f = await held(t, { store });
    const work = async (): Promise<number> => {
      const before = reads();
      for (let i = 0; i < 20; i += 1) await f.final((await f.submit()).id);
      await f.clock.advance(60_000);
      return reads() - before;
    };
    await f.final((await f.submit()).id); // the first one waits for a claim, all others are claimed at accept
    const alone = await work();
    const { sleepers } = f.clock;
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    assert.ok((await work()) > alone);
    await onlooker.leave();
    await f.clock.advance(0);
    assert.equal(f.clock.sleepers, sleepers);
    assert.equal(await work(), alone);
  });

  it('reads an operation once, however many look on', async (t) => {
    const { store, reads } = countingStore();
    const f = await held(t, { store });
    const cost = async (onlookers: number): Promise<number> => {
      const all = Array.from({ length: onlookers }, () => new Onlooker(f));
      await f.clock.advance(limits.feedTickMs);
      const before = reads();
      for (let i = 0; i < 10; i += 1)
        await f.submit(null, { notBefore: f.clock.now() + 3_600_000 });
      await f.clock.advance(limits.feedTickMs);
      for (const { states } of all) assert.equal(states.length, 10);
      const cost = reads() - before;
      await Promise.all(all.map((one) => one.leave()));
      return cost;
    };
    assert.equal(await cost(1), await cost(50));
  });

  it('tells no more than so many a second, drops the oldest past its backlog, and says how many', async (t) => {
    const f = await held(t);
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    const many = limits.feedBacklog + 150;
    const notBefore = f.clock.now() + 3_600_000;
    const ids: string[] = [];
    for (let i = 0; i < many; i += 1) ids.push((await f.submit(null, { notBefore })).id);
    const startedAt = f.clock.now();
    await f.clock.advance(1_000);
    const pace = onlooker.states.length;
    assert.ok(pace > 0 && pace <= limits.feedEventsPerSecond * 1.5, `${pace} in a second`);
    await f.clock.advance(10_000);
    assert.ok(f.clock.now() > startedAt);
    assert.equal(onlooker.states.length + onlooker.missed, many);
    assert.ok(onlooker.missed > 0);
    const last = onlooker.told.findLast((event) => event.type === 'operation');
    assert.equal(last?.operation.id, ids.at(-1), 'the newest is told');
    await onlooker.leave();
  });

  it('holds no more than its backlog for a slow reader, and the newest state of each', async (t) => {
    const f = await held(t);
    const signal = new AbortController();
    const feed = f.engine.feed({ tenant: '', task: null, signal: signal.signal });
    const first = feed.next();
    await f.clock.advance(0);
    assert.equal((await first).value?.type, 'tick');
    const many = limits.feedBacklog + 100;
    const notBefore = f.clock.now() + 3_600_000;
    for (let i = 0; i < many; i += 1) {
      const { id } = await f.submit(null, { notBefore });
      if (i === many - 1) await f.engine.cancel({ id, tenant: '' });
      if (i % 20 === 0) await f.clock.advance(250);
    }
    await f.clock.advance(10_000);
    const { value: gap } = await feed.next();
    assert.deepEqual(gap, { type: 'gap', missed: many - limits.feedBacklog });
    const states: string[] = [];
    for (;;) {
      const { value } = await feed.next();
      if (value?.type !== 'operation') break;
      states.push(value.operation.state);
    }
    assert.equal(states.length, limits.feedBacklog);
    assert.equal(states.at(-1), 'failed');
    signal.abort();
    assert.equal((await feed.next()).done, true);
  });

  it('goes on after the store was away, and counts what it could not read', async (t) => {
    const store = memoryStore();
    const f = await held(t, { store });
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    const readOperation = store.readOperation.bind(store);
    const away = () => Promise.reject(new Error('away'));
    const { id } = await f.submit(null, { notBefore: f.clock.now() + 3_600_000 });
    Object.assign(store, { readOperation: away });
    await f.clock.advance(1_000);
    assert.equal(onlooker.states.length, 0);
    Object.assign(store, { readOperation });
    await f.clock.advance(1_000);
    assert.equal(onlooker.missed, 1);
    await f.engine.cancel({ id, tenant: '' });
    await f.clock.advance(1_000);
    assert.deepEqual(onlooker.states, ['quick failed']);
    await onlooker.leave();
  });

  it('is counted when it is promised, and ends when the engine stops', async (t) => {
    const f = await held(t);
    const { signal } = new AbortController();
    const p = { tenant: '', task: null, signal };
    const feeds = Array.from({ length: limits.feedStreamsMax }, () => f.engine.feed(p));
    assert.throws(() => f.engine.feed(p), { code: 'streams_full' });
    for (const feed of feeds) await feed.return(undefined);
    const onlooker = new Onlooker(f);
    await f.clock.advance(0);
    await f.engine.stop({ now: true });
    await onlooker.done;
    assert.equal(onlooker.ticks, 1);
  });
});
