import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

function write({ store, now }: StoreBench, name: string, text = ''): Promise<void> {
  return store.writeNote({ name, text, now });
}

async function names({ store, now }: StoreBench, prefix: string): Promise<string[]> {
  return (await store.readNotes({ prefix, now })).map(({ name }) => name);
}

/** Notes in which engines keep what they learned and inform each other. */
export const noteCases: readonly StoreCase[] = [
  {
    title: 'a note is what was written last, each name has its own',
    async run(bench) {
      const { store } = bench;
      assert.equal(await store.readNote({ name: 'a' }), null);
      await write(bench, 'a', 'first');
      await write(bench, 'b', '');
      await write(bench, 'a', 'second');
      assert.equal(await store.readNote({ name: 'a' }), 'second');
      assert.equal(await store.readNote({ name: 'b' }), '');
      assert.equal(await store.readNote({ name: 'A' }), null);
    },
  },
  {
    title: 'a note is kept to the letter, also a long one',
    async run(bench) {
      const texts = ['{"ä":"日本 \u{1f600} \\" \' \n"}', 'x'.repeat(1_000_000)];
      for (const text of texts) {
        await write(bench, 'estimates', text);
        assert.equal(await bench.store.readNote({ name: 'estimates' }), text);
        const { store, now } = bench;
        const [note] = await store.readNotes({ prefix: 'estimates', now });
        assert.equal(note?.text, text);
      }
    },
  },
  {
    title: 'notes are no operations and no tasks',
    async run(bench) {
      await write(bench, 'reports', '{}');
      assert.deepStrictEqual(await bench.store.readTasks(), []);
    },
  },
  {
    title: 'notes are listed by their prefix, in the order of their names, with their age',
    async run(bench) {
      assert.deepStrictEqual(await bench.store.readNotes({ prefix: 'node:', now: bench.now }), []);
      const writtenAt = bench.now;
      for (const name of ['node:b', 'node', 'node:', 'nodf', 'node;', 'node:a_%', 'NODE:c']) {
        await write(bench, name, `of ${name}`);
      }
      bench.now += 4_000;
      await write(bench, 'node:b', 'again');
      bench.now += 1_000;
      const { store, now } = bench;
      assert.deepStrictEqual(await store.readNotes({ prefix: 'node:', now }), [
        { name: 'node:', text: 'of node:', writtenAt, ageMs: 5_000 },
        { name: 'node:a_%', text: 'of node:a_%', writtenAt, ageMs: 5_000 },
        { name: 'node:b', text: 'again', writtenAt: writtenAt + 4_000, ageMs: 1_000 },
      ]);
      assert.deepStrictEqual(await names(bench, 'node:%'), []);
      assert.equal((await names(bench, '')).length, 7);
    },
  },
  {
    title: 'a note from the future has no age',
    async run(bench) {
      await write(bench, 'a');
      bench.now -= 1_000;
      const [note] = await bench.store.readNotes({ prefix: 'a', now: bench.now });
      assert.deepStrictEqual([note?.writtenAt, note?.ageMs], [bench.now + 1_000, 0]);
    },
  },
  {
    title: 'more notes than one call reads are cut off',
    async run(bench) {
      const all = Array.from({ length: limits.notesRead + 2 }, (_, i) => `n${1_000 + i}`);
      await Promise.all(all.toReversed().map((name) => write(bench, name)));
      assert.deepStrictEqual(await names(bench, 'n'), all.slice(0, limits.notesRead));
      const { store, now } = bench;
      const first = all.slice(0, limits.notesRead);
      assert.equal(await store.removeNotes({ names: first, unwrittenMs: 0, now }), first.length);
      assert.deepStrictEqual(await names(bench, 'n'), all.slice(limits.notesRead));
    },
  },
  {
    title: 'notes are removed by name, and not when they were written since',
    async run(bench) {
      await write(bench, 'a');
      await write(bench, 'b');
      await write(bench, 'c');
      bench.now += 60_000;
      await write(bench, 'b');
      const { store, now } = bench;
      const remove = (...of: string[]) =>
        store.removeNotes({ names: of, unwrittenMs: 60_000, now });
      assert.equal(await remove('a', 'b', 'missing'), 1);
      assert.deepStrictEqual(await names(bench, ''), ['b', 'c']);
      assert.equal(await store.readNote({ name: 'a' }), null);
      assert.equal(await remove(), 0);
      assert.equal(await store.removeNotes({ names: ['b'], unwrittenMs: 0, now }), 1);
      await write(bench, 'b', 'anew');
      assert.equal(await store.readNote({ name: 'b' }), 'anew');
    },
  },
  {
    title: 'of several who read a note the first alone replaces it',
    async run(bench) {
      const { store, now } = bench;
      const replace = (text: string, over: number | null) =>
        store.replaceNote({ name: 'a', text, over, now });
      const read = async () => (await store.readNotes({ prefix: 'a', now }))[0];
      assert.equal(await replace('0', now), 'changed', 'there is none');
      assert.equal(await replace('1', null), 'replaced');
      assert.equal(await replace('2', null), 'changed', 'there is one');
      const first = (await read())!;
      assert.deepStrictEqual([first.text, first.writtenAt], ['1', now]);
      const outcomes = await Promise.all(['3', '4'].map((text) => replace(text, first.writtenAt)));
      assert.deepStrictEqual(outcomes.toSorted(), ['changed', 'replaced']);
      const second = (await read())!;
      assert.ok(second.writtenAt > first.writtenAt, 'within one millisecond as well');
      await write(bench, 'a', '5');
      assert.equal(await replace('6', second.writtenAt), 'changed');
      assert.equal((await read())?.text, '5');
    },
  },
  {
    title: 'the line is all that waits, in the order of claims, and what runs',
    async run(bench) {
      const { store } = bench;
      if (store.readQueue === undefined) return;
      assert.deepStrictEqual(await store.readQueue({ limit: 10 }), { waiting: [], running: [] });
      const task = { name: 'reports', concurrency: null, keyConcurrency: null };
      const first = await bench.create({ task: 'reports' });
      await bench.claim({ limit: 1, tasks: [task], worker: 'w' });
      bench.now += 1;
      const second = await bench.create({ task: 'reports', concurrencyKey: 'k' });
      bench.now += 1;
      const later = await bench.create({ task: 'other', readyAt: bench.now + 60_000 });
      const urgent = await bench.create({ task: 'other', priority: 5 });
      const line = await store.readQueue({ limit: 10 });
      assert.deepStrictEqual(
        line.running.map(({ id, startedAt }) => [id, startedAt]),
        [[first.id, first.createdAt]],
      );
      const ids = line.waiting.map(({ id }) => id);
      assert.deepStrictEqual(ids, [urgent.id, second.id, later.id]);
      assert.deepStrictEqual(line.waiting[1], {
        id: second.id,
        task: 'reports',
        priority: 0,
        readyAt: second.readyAt,
        key: 'k',
        startedAt: null,
      });
      const { waiting } = await store.readQueue({ limit: 2 });
      assert.deepStrictEqual(
        waiting.map(({ id }) => id),
        [urgent.id, second.id],
      );
    },
  },
  {
    title: 'a note is there after reopening',
    durable: true,
    async run(bench) {
      await write(bench, 'a', 'kept');
      const writtenAt = bench.now;
      await bench.reopen!();
      assert.equal(await bench.store.readNote({ name: 'a' }), 'kept');
      bench.now += 7;
      assert.deepStrictEqual(await bench.store.readNotes({ prefix: '', now: bench.now }), [
        { name: 'a', text: 'kept', writtenAt, ageMs: 7 },
      ]);
    },
  },
];
