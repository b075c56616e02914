import assert from 'node:assert/strict';
import type { Operation, Progress } from '../core/operation.ts';
import {
  completedBy,
  failedBy,
  inlineResult,
  tokenOf,
  type StoreBench,
  type StoreCase,
} from './store-bench.ts';

/** Heartbeats, and the fence: a worker that has lost its lease changes nothing. */
export const leaseCases: readonly StoreCase[] = [
  {
    title: 'a heartbeat extends the lease and nothing a client can see',
    async run(bench) {
      const running = await bench.running();
      bench.now += 5_000;
      const outcomes = await extend(bench, [{ operation: running, progress: null }]);
      assert.deepStrictEqual(outcomes, [{ outcome: 'extended', cancelRequested: false }]);
      const expected = { ...running, lease: { ...running.lease!, expiresAt: bench.now + 15_000 } };
      await bench.assertRecord(expected);
      bench.now = expected.lease.expiresAt - 1;
      assert.deepStrictEqual((await bench.sweep()).changed, []);
      await bench.assertRecord(expected);
    },
  },
  {
    title: 'progress is recorded whole, stays without news, and goes with the attempt',
    async run(bench) {
      let running = await bench.running();
      const steps: Progress[] = [
        { fraction: 0.1, message: 'Zeile 1 🧾', current: 1, total: 10, updatedAt: bench.now + 3 },
        { fraction: null, message: null, current: null, total: null, updatedAt: bench.now + 4 },
        { fraction: 1, message: '', current: 0.5, total: 1e15, updatedAt: bench.now + 5 },
      ];
      for (const progress of steps) {
        bench.now += 7;
        await extend(bench, [{ operation: running, progress }]);
        const token = tokenOf(running);
        const { leaseMs } = bench;
        running = await bench.assertDecided(running, {
          type: 'extended',
          token,
          leaseMs,
          progress,
        });
      }
      await extend(bench, [{ operation: running, progress: null }]);
      assert.deepStrictEqual((await bench.record(running.id)).progress, steps[2]);
      assert.equal((await bench.fail(running, bench.now)).progress, null);
      assert.equal((await bench.claim())[0]?.operation.progress, null);
    },
  },
  {
    title: 'a heartbeat brings back the wish to cancel, lease by lease',
    async run(bench) {
      const [a, b, c] = [await bench.running(), await bench.running(), await bench.running()];
      await bench.cancel(b.id);
      await bench.complete(c);
      const ask = [a, b, c].map((operation) => ({ operation, progress: null }));
      assert.deepStrictEqual(await extend(bench, ask), [
        { outcome: 'extended', cancelRequested: false },
        { outcome: 'extended', cancelRequested: true },
        { outcome: 'lost' },
      ]);
      assert.deepStrictEqual(await extend(bench, []), []);
    },
  },
  {
    title: 'a report from a lost lease changes nothing, whoever holds it now',
    async run(bench) {
      const old = await bench.running();
      bench.now += bench.leaseMs;
      assert.equal((await bench.sweep()).changed.length, 1);
      await assertFencedOff(bench, old, await bench.record(old.id));
      const [held] = await bench.claim({ worker: 'w2' });
      await assertFencedOff(bench, old, held!.operation);
      const failed = await bench.fail(held!.operation, bench.now + 100);
      await assertFencedOff(bench, old, failed);
      await assertFencedOff(bench, held!.operation, failed);
      bench.now += 100;
      const [third] = await bench.claim();
      const done = await bench.complete(third!.operation);
      for (const lost of [old, held!.operation, third!.operation]) {
        await assertFencedOff(bench, lost, done);
      }
    },
  },
  {
    title: 'a token fences one operation only',
    async run(bench) {
      const [a, b] = [await bench.running(), await bench.running()];
      await assertFencedOff(bench, { ...a, lease: b.lease }, a);
      await bench.assertRecord(b);
    },
  },
  {
    title: 'a lease that ran out still holds until a sweep takes it',
    async run(bench) {
      const running = await bench.running();
      bench.now += bench.leaseMs * 2;
      assert.equal((await bench.complete(running)).state, 'completed');
    },
  },
  {
    title: 'of two ends of one attempt in one turn, the first counts',
    async run(bench) {
      const running = await bench.running();
      const outcomes = await Promise.all([
        bench.settle(completedBy(running)),
        bench.settle(failedBy(running)),
      ]);
      assert.deepStrictEqual(outcomes, [['applied'], ['lost']]);
      assert.equal(await bench.stateOf(running.id), 'completed');
    },
  },
  {
    title: 'a cancel and a completion of one turn count in their order',
    async run(bench) {
      const [a, b] = [await bench.running(), await bench.running()];
      const [asked, , , late] = await Promise.all([
        bench.cancel(a.id),
        bench.settle(completedBy(a)),
        bench.settle(completedBy(b)),
        bench.cancel(b.id),
      ]);
      assert.equal(asked.outcome, 'requested');
      const done = await bench.record(a.id);
      assert.deepStrictEqual([done.state, done.cancelRequestedAt], ['completed', bench.now]);
      const operation = await bench.record(b.id);
      assert.deepStrictEqual(late, { outcome: 'already_final', operation });
      assert.deepStrictEqual([operation.state, operation.cancelRequestedAt], ['completed', null]);
    },
  },
  {
    title: 'a final operation is changed by no verb',
    async run(bench) {
      const running = [await bench.running(), await bench.running()];
      const final = [await bench.complete(running[0]!), await bench.fail(running[1]!)];
      final.push(await bench.cancelled());
      running.push({ ...final[2]!, lease: running[0]!.lease });
      bench.now += 1_000;
      for (const [i, operation] of final.entries()) {
        await assertFencedOff(bench, running[i]!, operation);
        const again = await bench.cancel(operation.id);
        assert.deepStrictEqual(again, { outcome: 'already_final', operation });
        bench.now = operation.expiresAt! - 1;
        assert.deepStrictEqual(await bench.sweep({ workerDead: true }), {
          changed: [],
          more: false,
        });
        assert.deepStrictEqual(await bench.claimIds(), []);
        await bench.prune();
        await bench.assertRecord(operation);
      }
    },
  },
];

/** None of the verbs that carry the token of `lost` changes the record or its attempts. */
async function assertFencedOff(
  bench: StoreBench,
  lost: Operation,
  current: Operation,
): Promise<void> {
  const attempts = await bench.store.listAttempts(current);
  const tasks = await bench.store.readTasks();
  const { id } = lost;
  const token = tokenOf(lost);
  const result = { ...inlineResult('"late"'), inline: null };
  const outcomes = await bench.settle(
    completedBy(lost, inlineResult('"late"')),
    { type: 'completed', id, token, result, body: new Uint8Array([1, 2, 3]) },
    failedBy(lost, null),
    failedBy(lost, bench.now),
    { type: 'released', id, token },
  );
  assert.deepStrictEqual(outcomes, ['lost', 'lost', 'lost', 'lost', 'lost']);
  const progress = { fraction: 1, message: 'late', current: 1, total: 1, updatedAt: bench.now };
  assert.deepStrictEqual(
    await extend(bench, [
      { operation: lost, progress },
      { operation: lost, progress: null },
    ]),
    [{ outcome: 'lost' }, { outcome: 'lost' }],
  );
  await bench.assertRecord(current);
  assert.deepStrictEqual(await bench.store.listAttempts(current), attempts);
  assert.deepStrictEqual(await bench.store.readTasks(), tasks);
}

async function extend(
  bench: StoreBench,
  leases: readonly { operation: Operation; progress: Progress | null }[],
): ReturnType<StoreBench['store']['extendLeases']> {
  return bench.store.extendLeases({
    leases: leases.map(({ operation, progress }) => ({
      id: operation.id,
      token: tokenOf(operation),
      progress,
    })),
    leaseMs: bench.leaseMs,
    now: bench.now,
  });
}
