import { after, describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { dropSchema, newSchema, runSql } from './postgres-schema.fixture.ts';
import { startPostgres } from './postgres-server.fixture.ts';
import { openPostgresStore } from './postgres-store.ts';

const server = await startPostgres();
after(() => server.stop());

const mebibyte = 1_048_576;

async function openBench(t: TestContext): Promise<StoreBench & { readonly schema: string }> {
  const schema = newSchema();
  const options = { url: server.url, schema, clock: 'caller', notify: false } as const;
  const store = await openPostgresStore(options);
  const reopen = async () => {
    await bench.store.close();
    return openPostgresStore(options);
  };
  const bench = new StoreBench({ store, reopen, close: async () => {} });
  t.after(async () => {
    await bench.store.close();
    await dropSchema(options);
  });
  return Object.assign(bench, { schema });
}

/** Creates a completed operation with a result of `sizeBytes` that expires in 100 ms. */
async function withResult(bench: StoreBench, sizeBytes: number): Promise<string> {
  const running = await bench.running({ retentionMs: 100 });
  const { id, lease } = running;
  const contentType = 'application/octet-stream';
  const result = { contentType, name: null, sizeBytes, etag: '"r"', inline: null };
  const body = new Uint8Array(sizeBytes);
  await bench.settle({ type: 'completed', id, token: lease!.token, result, body });
  return id;
}

/** How many commits of other calls, one after the other, go through while `work` is under way. */
async function commitsBeside(bench: StoreBench, work: Promise<unknown>): Promise<number> {
  const over = work.then(() => 'over');
  const ping = () => bench.store.ping();
  let commits = 0;
  while ((await Promise.race([over, ping()])) !== 'over') commits += 1;
  return commits;
}

describe('much at once', () => {
  it('lets others write after every 16 MiB, of many operations and of one', async (t) => {
    const bench = await openBench(t);
    for (const mebibytes of [12, 12, 40]) await withResult(bench, mebibytes * mebibyte);
    await bench.completed({ retentionMs: 100 });
    bench.now += 100;
    const pruning = bench.prune();
    assert.ok((await commitsBeside(bench, pruning)) >= 4);
    const nothingElse = { goneIds: 0, idempotencyKeys: 0, deliveries: 0, endpoints: 0 };
    assert.deepEqual(await pruning, { operations: 4, ...nothingElse });
    assert.deepEqual(await bench.list(), []);
  });

  it('counts inputs and attempts as well', async (t) => {
    const bench = await openBench(t);
    const input = JSON.stringify('x'.repeat(limits.bodyBytes - 2));
    for (let i = 0; i < 40; i += 1) {
      const { id } = await bench.create({ input, retentionMs: 100 });
      await bench.cancel(id);
    }
    bench.now += 100;
    const pruning = bench.prune();
    assert.ok((await commitsBeside(bench, pruning)) >= 3);
    assert.equal((await pruning).operations, 40);
  });

  it('removes one with a large result in steps, and is finished by a prune when cut short', async (t) => {
    const bench = await openBench(t);
    const whole = await withResult(bench, 40 * mebibyte);
    const removing = bench.remove(whole);
    assert.ok((await commitsBeside(bench, removing)) >= 3);
    assert.equal(await removing, 'removed');
    assert.equal(await bench.store.isGone({ id: whole }), true);

    const half = await withResult(bench, 40 * mebibyte);
    const cutShort = assert.rejects(bench.remove(half), { code: 'store_unavailable' });
    await bench.reopen!();
    await cutShort;
    assert.equal((await bench.prune()).operations, 1);
    assert.equal(await bench.store.isGone({ id: half }), true);
    await bench.assertCountersExact();
  });

  it('takes in and hands out many inputs of a mebibyte at once', async (t) => {
    const bench = await openBench(t);
    const input = JSON.stringify('x'.repeat(limits.bodyBytes - 2));
    const created = await Promise.all(Array.from({ length: 30 }, () => bench.create({ input })));
    const claimed = await bench.claim();
    assert.deepEqual(
      claimed.map(({ operation }) => operation.id),
      created.map(({ id }) => id),
    );
    assert.ok(claimed.every((one) => one.input === input));
  });

  it('takes away the slots of keys that nothing runs or waits with', async (t) => {
    const bench = await openBench(t);
    const tasks = [{ name: 'reports', concurrency: null, keyConcurrency: 1 }];
    for (const concurrencyKey of ['a', 'b', 'c', 'c']) await bench.create({ concurrencyKey });
    const claimed = await bench.claim({ tasks });
    const [a, b] = claimed.map(({ operation }) => operation);
    for (const operation of [a!, b!]) await bench.complete(operation);
    const slots = (): Promise<unknown> =>
      runSql(server.url, `SELECT key, running, parked FROM "${bench.schema}".slots ORDER BY key`);
    for (let i = 0; i < 5; i += 1) await bench.prune(2);
    assert.deepEqual(await slots(), [{ key: 'c', running: 1, parked: 1 }]);
  });
});
