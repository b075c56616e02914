import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import { StoreBench } from '../testing/store-bench.ts';
import { openSqliteStore } from './sqlite-store.ts';

const mebibyte = 1_048_576;

async function openBench(t: TestContext): Promise<StoreBench> {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-prune-'));
  const open = () =>
    openSqliteStore({ path: path.join(folder, 'raincheck.db'), synchronous: 'normal' });
  const store = await open();
  const reopen = async () => {
    await bench.store.close();
    return open();
  };
  const bench = new StoreBench({ store, reopen, close: async () => {} });
  t.after(async () => {
    await bench.store.close();
    rmSync(folder, { recursive: true });
  });
  return bench;
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

describe('removal of much at once', () => {
  it('lets others write after every 16 MiB, of many operations and of one', async (t) => {
    const bench = await openBench(t);
    for (const mebibytes of [12, 12, 40]) await withResult(bench, mebibytes * mebibyte);
    await bench.completed({ retentionMs: 100 });
    bench.now += 100;
    const pruning = bench.prune();
    assert.ok((await commitsBeside(bench, pruning)) >= 4);
    assert.deepEqual(await pruning, {
      operations: 4,
      goneIds: 0,
      idempotencyKeys: 0,
      deliveries: 0,
      endpoints: 0,
    });
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
});
