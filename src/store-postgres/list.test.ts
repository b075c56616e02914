import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { dropSchema, newSchema } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

describe('the list, filtered by text', () => {
  it('looks at 16 MiB for a page, and finds all by its cursor', async (t) => {
    const options = { url: server.url, schema: newSchema(), clock: 'caller' } as const;
    const store = await openPostgresStore({ ...options, notify: false });
    t.after(async () => {
      await store.close();
      await dropSchema(options);
    });
    const bench = new StoreBench({ store, close: async () => {} });
    const long = 'x'.repeat(limits.bodyBytes - 20);
    const ids: string[] = [];
    for (let i = 0; i < 24; i += 1) {
      const text = i % 9 === 0 ? 'needle' : 'hay';
      const { id } = await bench.create({ input: JSON.stringify(`${long}${text}`) });
      if (text === 'needle') ids.unshift(id);
      await bench.create({ input: JSON.stringify(long), task: 'other' });
    }
    const filter = { text: 'needle' };
    const page = await store.listOperations({ filter, limit: 200, beforeId: null });
    assert.equal(page.operations.length, 1);
    assert.notEqual(page.nextBeforeId, null);
    assert.deepEqual(await bench.listIds(filter), ids);
    assert.deepEqual(await bench.listIds(filter, 1), ids);
    // Rows that another filter leaves out cost nothing.
    const all = { task: 'reports', since: bench.now, text: 'no such text' };
    let pages = 0;
    let beforeId: string | null = null;
    do {
      const found = await store.listOperations({ filter: all, limit: 200, beforeId });
      beforeId = found.nextBeforeId;
      pages += 1;
    } while (beforeId !== null);
    assert.equal(pages, 2);
  });
});
