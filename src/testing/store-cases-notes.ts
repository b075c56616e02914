import assert from 'node:assert/strict';
import type { StoreCase } from './store-bench.ts';

/** What an engine keeps of what it learned. */
export const noteCases: readonly StoreCase[] = [
  {
    title: 'a note is what was written last, each name has its own',
    async run({ store }) {
      assert.equal(await store.readNote({ name: 'a' }), null);
      await store.writeNote({ name: 'a', text: 'first' });
      await store.writeNote({ name: 'b', text: '' });
      await store.writeNote({ name: 'a', text: 'second' });
      assert.equal(await store.readNote({ name: 'a' }), 'second');
      assert.equal(await store.readNote({ name: 'b' }), '');
      assert.equal(await store.readNote({ name: 'A' }), null);
    },
  },
  {
    title: 'a note is kept to the letter, also a long one',
    async run({ store }) {
      const texts = ['{"ä":"日本 \u{1f600} \\" \' \n"}', 'x'.repeat(1_000_000)];
      for (const text of texts) {
        await store.writeNote({ name: 'estimates', text });
        assert.equal(await store.readNote({ name: 'estimates' }), text);
      }
    },
  },
  {
    title: 'notes are no operations and no tasks',
    async run({ store }) {
      await store.writeNote({ name: 'reports', text: '{}' });
      assert.deepStrictEqual(await store.readTasks(), []);
    },
  },
  {
    title: 'a note is there after reopening',
    durable: true,
    async run(bench) {
      await bench.store.writeNote({ name: 'a', text: 'kept' });
      await bench.reopen!();
      assert.equal(await bench.store.readNote({ name: 'a' }), 'kept');
    },
  },
];
