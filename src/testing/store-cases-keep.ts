import assert from 'node:assert/strict';
import type { IdempotencyKey } from '../store/store.ts';
import type { StoreCase } from './store-bench.ts';

const nothing = { operations: 0, goneIds: 0, idempotencyKeys: 0, deliveries: 0, endpoints: 0 };

/** What is removed, and when. */
export const keepCases: readonly StoreCase[] = [
  {
    title: 'an operation is kept until it expires, then known as gone for as long again',
    async run(bench) {
      const done = await bench.completed({ retentionMs: 1_000, input: '[1]' });
      const { id } = done;
      bench.now = done.expiresAt! - 1;
      assert.deepStrictEqual(await bench.prune(), nothing);
      await bench.assertRecord(done);
      assert.equal(await bench.store.isGone({ id }), false);
      bench.now = done.expiresAt!;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, operations: 1 });
      assert.equal(await bench.store.readOperation({ id }), null);
      assert.equal(await bench.store.readInput({ id }), null);
      assert.deepStrictEqual(await bench.list(), []);
      assert.equal(await bench.store.isGone({ id }), true);
      bench.now = done.expiresAt! + 999;
      assert.deepStrictEqual(await bench.prune(), nothing);
      assert.equal(await bench.store.isGone({ id }), true);
      bench.now += 1;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, goneIds: 1 });
      assert.equal(await bench.store.isGone({ id }), false);
      assert.deepStrictEqual(await bench.prune(), nothing);
    },
  },
  {
    title: 'a removed id is known as gone until the instant the caller gave',
    async run(bench) {
      const { id } = await bench.completed();
      const goneUntil = bench.now + 500;
      await bench.remove(id, goneUntil);
      bench.now = goneUntil - 1;
      assert.deepStrictEqual(await bench.prune(), nothing);
      assert.equal(await bench.store.isGone({ id }), true);
      bench.now = goneUntil;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, goneIds: 1 });
      assert.equal(await bench.store.isGone({ id }), false);
    },
  },
  {
    title: 'a cancelled operation and one that waited too long expire too',
    async run(bench) {
      const { id } = await bench.create({ retentionMs: 100 });
      await bench.create({ retentionMs: 100, waitUntil: bench.now });
      await bench.cancel(id);
      await bench.sweep();
      bench.now += 100;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, operations: 2 });
    },
  },
  {
    title: 'what is not final never expires, however old',
    async run(bench) {
      const kept = [
        await bench.create({ retentionMs: 0 }),
        await bench.running({ retentionMs: 0, task: 'exports' }),
        await bench.create({ retentionMs: 0, readyAt: bench.now + 5 }),
      ];
      bench.now += 1e11;
      assert.deepStrictEqual(await bench.prune(), nothing);
      for (const operation of kept) await bench.assertRecord(operation);
    },
  },
  {
    title: 'a prune takes at most its limit of each, the next goes on',
    async run(bench) {
      const expiresAt = bench.now + 100;
      for (let i = 0; i < 5; i += 1) {
        const idempotency = { ...key(`k${i}`), expiresAt };
        await bench.completed({ retentionMs: 1_000_000, idempotency });
      }
      const removed = await bench.list();
      for (const { id } of removed) await bench.remove(id, bench.now + 100);
      for (let i = 0; i < 5; i += 1) await bench.completed({ retentionMs: 100 });
      bench.now += 100;
      assert.deepStrictEqual(await bench.prune(2), {
        operations: 2,
        goneIds: 2,
        idempotencyKeys: 2,
        deliveries: 0,
        endpoints: 0,
      });
      assert.equal((await bench.list()).length, 3);
      assert.deepStrictEqual(await bench.prune(2), {
        operations: 2,
        goneIds: 2,
        idempotencyKeys: 2,
        deliveries: 0,
        endpoints: 0,
      });
      assert.deepStrictEqual(await bench.prune(2), {
        operations: 1,
        goneIds: 1,
        idempotencyKeys: 1,
        deliveries: 0,
        endpoints: 0,
      });
      assert.deepStrictEqual(await bench.prune(2), nothing);
    },
  },
  {
    title: 'a key lives by its own expiry, not by its operation',
    async run(bench) {
      const idempotency = { ...key('k'), expiresAt: bench.now + 1000 };
      const done = await bench.completed({ idempotency, retentionMs: 100 });
      bench.now += 100;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, operations: 1 });
      bench.now += 100;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, goneIds: 1 });
      assert.deepStrictEqual(await bench.submit({ idempotency }), {
        outcome: 'replayed_gone',
        operationId: done.id,
      });
      bench.now += 800;
      assert.deepStrictEqual(await bench.prune(), {
        ...nothing,
        idempotencyKeys: 1,
        deliveries: 0,
        endpoints: 0,
      });
    },
  },
  {
    title: 'expiry takes the result and the attempts with it, and leaves the counters',
    async run(bench) {
      const running = await bench.running({ retentionMs: 100 });
      const { id } = running;
      await bench.fail(running, bench.now);
      const [again] = await bench.claim();
      const body = new Uint8Array(1000).fill(7);
      const result = {
        contentType: 'application/octet-stream',
        name: null,
        sizeBytes: 1000,
        etag: '"r"',
        inline: null,
      };
      const token = again!.operation.lease!.token;
      await bench.settle({ type: 'completed', id, token, result, body });
      const tasks = await bench.store.readTasks();
      bench.now += 100;
      await bench.prune();
      assert.equal((await bench.readResult(id, 0, 1000)).length, 0);
      assert.deepStrictEqual(await bench.store.listAttempts({ id }), []);
      assert.deepStrictEqual(await bench.store.readTasks(), tasks);
      assert.equal(tasks[0]?.completed, 1);
    },
  },
  {
    title: 'what is gone and what is paused is known after reopening',
    durable: true,
    async run(bench) {
      const done = await bench.completed();
      await bench.remove(done.id, bench.now + 100);
      await bench.store.setTaskPaused({ task: 'reports', paused: true });
      const tasks = await bench.store.readTasks();
      await bench.reopen!();
      assert.equal(await bench.store.isGone(done), true);
      assert.deepStrictEqual(await bench.store.readTasks(), tasks);
      bench.now += 100;
      assert.deepStrictEqual(await bench.prune(), { ...nothing, goneIds: 1 });
    },
  },
];

function key(name: string): Omit<IdempotencyKey, 'expiresAt'> {
  return { scope: '/reports', key: name, fingerprint: 'f' };
}
