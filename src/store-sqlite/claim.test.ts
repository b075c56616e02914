import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NewOperation } from '../store/store.ts';
import type { StoreBench } from '../testing/store-bench.ts';
import { openSqliteBench } from './sqlite-bench.fixture.ts';

const longInput = JSON.stringify({ text: 'x'.repeat(2_000) });

const shapes: Readonly<Record<string, Partial<NewOperation>>> = {
  'all its columns': {
    input: '{"n":1}',
    waitUntil: Date.UTC(2026, 1, 1),
    deadlineAt: Date.UTC(2026, 2, 1),
    concurrencyKey: 'one',
    labels: { customer: 'a' },
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  },
  'a long input': { input: longInput },
  'nothing but what it needs': { input: 'null' },
};

/** The claim returns the operation with this input, equal to the record as it is read. */
async function claimedAs(bench: StoreBench, id: string, input: string): Promise<void> {
  const [claimed, ...others] = await bench.claim({ limit: 1 });
  assert.deepEqual(others, []);
  assert.equal(claimed?.input, input);
  assert.deepStrictEqual(claimed.operation, await bench.record(id));
}

describe('a claim of what this process has just created', () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(`gives the record as it is read later, with ${name}`, async (t) => {
      const { bench } = await openSqliteBench(t);
      const { id } = await bench.create(shape);
      await claimedAs(bench, id, shape.input ?? '{}');
    });
  }

  it('gives what happened since when it is claimed again', async (t) => {
    const { bench } = await openSqliteBench(t);
    const { id } = await bench.create();
    const [first] = await bench.claim();
    assert.ok(first);
    await bench.fail(first.operation, bench.now);
    await claimedAs(bench, id, '{}');
    assert.equal((await bench.record(id)).attempt, 2);
  });

  it('goes on past what is known here, best first', async (t) => {
    const { bench } = await openSqliteBench(t);
    const made = Array.from({ length: 1_300 }, (_, i) =>
      bench.planned({ priority: i % 3, input: `{"n":${i}}` }),
    );
    const { now } = bench;
    await bench.store.createOperations({ operations: made, pendingMax: 10_000, now });
    const best = made
      .toSorted((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1))
      .map(({ id, input }) => `${id} ${input}`);
    const claimed: string[] = [];
    while (claimed.length < best.length) {
      const some = await bench.claim({ limit: 400 });
      assert.ok(some.length > 0);
      claimed.push(...some.map(({ operation, input }) => `${operation.id} ${input}`));
    }
    assert.deepEqual(claimed, best);
  });

  it('does not take one operation for another that stood in the same row', async (t) => {
    const { bench, look } = await openSqliteBench(t);
    const { id: former } = await bench.create({ input: '"former"' });
    const [row] = look('SELECT seq FROM operations');
    await bench.cancel(former);
    await bench.remove(former);
    // Not kept in memory, because the input is long.
    const { id } = await bench.create({ input: longInput });
    assert.deepEqual(look('SELECT seq FROM operations'), [row]);
    await claimedAs(bench, id, longInput);
  });
});

describe('a completion', () => {
  it('of an attempt that this process claimed is fenced all the same', async (t) => {
    const { bench } = await openSqliteBench(t);
    const operation = await bench.running();
    bench.now += bench.leaseMs + 1;
    await bench.sweep();
    const before = await bench.record(operation.id);
    const { id } = operation;
    const token = operation.lease?.token ?? '';
    const result = { contentType: 'text/plain', name: null, sizeBytes: 0, etag: '"0"', inline: '' };
    const settlement = { type: 'completed', id, token, result, body: null } as const;
    assert.deepEqual(await bench.settle(settlement, settlement), ['lost', 'lost']);
    await bench.assertRecord(before);
    await bench.assertCountersExact();
  });

  it('of an attempt that a former process claimed is read from its row', async (t) => {
    const { bench } = await openSqliteBench(t);
    const operation = await bench.running();
    assert.ok(bench.reopen);
    await bench.reopen();
    const after = await bench.complete(operation);
    assert.equal(after.state, 'completed');
    await bench.assertCountersExact();
  });
});
