import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { EndedAttempt, Operation, Progress } from '../core/operation.ts';
import { cancelledError } from '../core/transitions.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { Settlement } from '../store/store.ts';
import {
  completedBy,
  decided,
  failedBy,
  inlineResult,
  taskError,
  tokenOf,
  type StoreBench,
  type StoreCase,
} from './store-bench.ts';

/** Heartbeats, the ends of attempts, the fence, and the slots that free. */
export const attemptCases: readonly StoreCase[] = [
  {
    title: 'a completed attempt makes the operation final, with its result',
    async run(bench) {
      const running = await bench.running();
      bench.now += 250;
      const result = inlineResult('{"text":"🧾"}');
      assert.deepStrictEqual(await bench.settle(completedBy(running, result)), ['applied']);
      const token = tokenOf(running);
      const done = await bench.assertDecided(running, { type: 'completed', token, result });
      assert.equal(done.expiresAt, bench.now + done.retentionMs);
      assert.deepStrictEqual(await bench.store.listAttempts(done), []);
      assert.deepStrictEqual(await bench.claimIds(), []);
    },
  },
  {
    title: 'a failed attempt waits for its retry, and is remembered',
    async run(bench) {
      const running = await bench.running();
      bench.now += 100;
      const retryAt = bench.now + 500;
      await bench.fail(running, retryAt);
      const error = taskError();
      const event = { type: 'attempt_failed', token: tokenOf(running), error, retryAt } as const;
      const waiting = await bench.assertDecided(running, event);
      assert.equal(waiting.state, 'scheduled');
      assert.deepStrictEqual(await bench.store.listAttempts(running), [
        ended(running, { endedAt: bench.now, outcome: 'failed', error, retryAt }),
      ]);
      assert.equal(await bench.nextDueAt(), retryAt);
      bench.now = retryAt;
      const [again] = await bench.claim({ worker: 'w2' });
      assert.equal(again?.operation.attempt, 2);
      assert.equal(again?.operation.startedAt, running.startedAt);
    },
  },
  {
    title: 'a retry without delay is ready at once',
    async run(bench) {
      const failed = await bench.fail(await bench.running(), bench.now);
      assert.equal(failed.state, 'ready');
      assert.deepStrictEqual(await bench.claimIds(), [failed.id]);
    },
  },
  {
    title: 'the last failed attempt makes the operation final, with its error',
    async run(bench) {
      const running = await bench.running();
      bench.now += 5;
      await bench.fail(running, null);
      const error = taskError();
      const event = { type: 'attempt_failed', token: tokenOf(running), error } as const;
      await bench.assertDecided(running, { ...event, retryAt: null });
      assert.deepStrictEqual(await bench.store.listAttempts(running), [
        ended(running, { endedAt: bench.now, outcome: 'failed', error, retryAt: null }),
      ]);
    },
  },
  {
    title: 'errors keep their text and their nulls',
    async run(bench) {
      const running = await bench.running();
      const error = {
        code: 'timeout',
        detail: `odd \u0001 "é" 🧾 % _ \\ ${'x'.repeat(4_000)}`,
        name: null,
        status: null,
        type: null,
        title: null,
      } as const;
      await bench.settle({ ...failedBy(running), error } as Settlement);
      const event = { type: 'attempt_failed', token: tokenOf(running), error } as const;
      await bench.assertDecided(running, { ...event, retryAt: null });
    },
  },
  {
    title: 'a retry that would come at or after the deadline is not made',
    async run(bench) {
      const running = await bench.running({ deadlineAt: bench.now + 100 });
      const retryAt = bench.now + 100;
      assert.equal((await bench.fail(running, retryAt)).state, 'failed');
      const early = await bench.running({ deadlineAt: bench.now + 100 });
      assert.equal((await bench.fail(early, bench.now + 99)).state, 'scheduled');
    },
  },
  {
    title: 'a released attempt is not counted, and keeps its place',
    async run(bench) {
      const running = await bench.running({ readyAt: bench.now - 50 });
      await bench.create();
      bench.now += 10;
      await bench.release(running);
      await bench.assertDecided(running, { type: 'released', token: tokenOf(running) });
      const outcome = 'released';
      assert.deepStrictEqual(await bench.store.listAttempts(running), [
        ended(running, { endedAt: bench.now, outcome, error: null, retryAt: bench.now }),
      ]);
      const [again] = await bench.claim({ limit: 1, worker: 'w2' });
      assert.equal(again?.operation.id, running.id);
      assert.equal(again?.operation.attempt, 1);
    },
  },
  {
    title: 'attempts are listed oldest first',
    async run(bench) {
      let running = await bench.running({ attemptsMax: 9 });
      const expected: EndedAttempt[] = [];
      for (const how of ['failed', 'released', 'failed', 'lost', 'failed'] as const) {
        bench.now += 10;
        if (how === 'failed') await bench.fail(running, bench.now);
        if (how === 'released') await bench.release(running);
        if (how === 'lost') await bench.sweep({ workerDead: true });
        const error = how === 'failed' ? taskError() : null;
        expected.push(
          ended(running, { endedAt: bench.now, outcome: how, error, retryAt: bench.now }),
        );
        bench.now += 1;
        const worker = `worker of ${how}`;
        running = (await bench.claim({ worker }))[0]!.operation;
      }
      assert.deepStrictEqual(await bench.store.listAttempts(running), expected);
      assert.deepStrictEqual(
        expected.map(({ number }) => number),
        [1, 2, 2, 3, 3],
      );
    },
  },
  {
    title: 'of many attempts the latest are listed, oldest first',
    async run(bench) {
      const attemptsMax = limits.attemptsShown + 5;
      let running = await bench.running({ attemptsMax });
      for (let number = 1; number < attemptsMax; number += 1) {
        bench.now += 10;
        await bench.fail(running, bench.now);
        running = (await bench.claim())[0]!.operation;
      }
      const attempts = await bench.store.listAttempts(running);
      assert.deepStrictEqual(
        attempts.map(({ number }) => number),
        Array.from({ length: limits.attemptsShown }, (_, i) => i + 5),
      );
    },
  },
  {
    title: 'many settlements in one call get one outcome each, in order',
    async run(bench) {
      const a = await bench.running();
      const b = await bench.running();
      const c = await bench.running();
      const outcomes = await bench.settle(
        completedBy(a),
        failedBy(a),
        { ...completedBy(b), token: 'never given' },
        failedBy(b, bench.now + 1),
        { type: 'released', id: c.id, token: tokenOf(c) },
        { type: 'released', id: bench.newId(), token: tokenOf(c) },
      );
      assert.deepStrictEqual(outcomes, ['applied', 'lost', 'lost', 'applied', 'applied', 'lost']);
      assert.deepStrictEqual(await Promise.all([a, b, c].map(({ id }) => bench.stateOf(id))), [
        'completed',
        'scheduled',
        'ready',
      ]);
      assert.deepStrictEqual(await bench.settle(), []);
    },
  },
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
      final.push(await cancelled(bench));
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
  {
    title: 'counters and the mean duration follow every end',
    async run(bench) {
      let mean: number | null = null;
      for (let i = 0; i < 5; i += 1) {
        const running = await bench.running();
        bench.now += 100 * (i + 1) ** 2;
        await bench.complete(running);
        mean = meanDurationMs(mean, i, 100 * (i + 1) ** 2);
      }
      const failed = await bench.running();
      bench.now += 1_000;
      await bench.fail(failed, bench.now);
      const [retried] = await bench.claim();
      bench.now += 40;
      await bench.complete(retried!.operation);
      mean = meanDurationMs(mean, 5, 40);
      await bench.failed();
      await cancelled(bench);
      bench.now += 1;
      const ready = await bench.create();
      bench.now += 1;
      await bench.create({ readyAt: bench.now + 5 });
      await bench.create();
      await bench.running({ task: 'exports' });
      assert.deepStrictEqual(await bench.store.readTasks(), [
        {
          task: 'exports',
          paused: false,
          pending: 0,
          processing: 1,
          completed: 0,
          failed: 0,
          oldestPendingAt: null,
          meanDurationMs: null,
        },
        {
          task: 'reports',
          paused: false,
          pending: 3,
          processing: 0,
          completed: 6,
          failed: 2,
          oldestPendingAt: ready.readyAt,
          meanDurationMs: mean,
        },
      ]);
    },
  },
  ...(
    [
      ['completed', (bench, o) => bench.complete(o)],
      ['failed for good', (bench, o) => bench.fail(o)],
      ['failed and to be retried later', (bench, o) => bench.fail(o, bench.now + 100)],
      ['failed and to be retried now', (bench, o) => bench.fail(o, bench.now)],
      ['released', (bench, o) => bench.release(o)],
      [
        'cancelled while it ran and failed',
        async (bench, o) => {
          await bench.cancel(o.id);
          assert.deepStrictEqual((await bench.fail(o, bench.now)).error, cancelledError);
        },
      ],
      [
        'lost by its lease',
        async (bench) => {
          bench.now += bench.leaseMs;
          await bench.sweep();
        },
      ],
      ['lost with its worker', (bench) => bench.sweep({ workerDead: true })],
      ['lost for the last time', (bench) => bench.sweep({ workerDead: true, recoveriesMax: 1 })],
    ] satisfies [string, (bench: StoreBench, o: Operation) => Promise<unknown>][]
  ).map(([how, end]): StoreCase => ({
    title: `an attempt ${how} frees its slots in the same commit`,
    run: (bench) => assertSlotsFreed(bench, end),
  })),
  {
    title: 'running attempts and their slots are there after reopening',
    durable: true,
    async run(bench) {
      const tasks = [{ name: 'reports', concurrency: 2, keyConcurrency: 1 }];
      await bench.create({ concurrencyKey: 'a' });
      await bench.create({ concurrencyKey: 'a' });
      const other = await bench.create();
      await bench.create();
      const [first] = await bench.claim({ tasks });
      await bench.reopen!();
      assert.deepStrictEqual(await bench.claimIds({ tasks }), []);
      await bench.assertRecord(first!.operation);
      const done = await bench.complete(first!.operation);
      await bench.reopen!();
      await bench.assertRecord(done);
      assert.equal(await bench.stateOf(other.id), 'running');
      assert.equal((await bench.claimIds({ tasks })).length, 1);
    },
  },
];

/** None of the verbs that carry `lost`'s token changes the record or its attempts. */
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

/** With one slot for the task and one for the key, the next of the key goes as soon as the first ends. */
async function assertSlotsFreed(
  bench: StoreBench,
  end: (bench: StoreBench, running: Operation) => Promise<unknown>,
): Promise<void> {
  const keyed = [{ name: 'reports', concurrency: null, keyConcurrency: 1 }];
  const exact = [{ name: 'reports', concurrency: 1, keyConcurrency: 1 }];
  await bench.create({ concurrencyKey: 'a', priority: 2 });
  const next = await bench.create({ concurrencyKey: 'a', priority: 1 });
  const last = await bench.create({ concurrencyKey: 'a' });
  const [first, ...others] = await bench.claim({ tasks: keyed });
  assert.deepStrictEqual(others, []);
  assert.equal(await bench.stateOf(next.id), 'parked');
  await end(bench, first!.operation);
  assert.notEqual(await bench.stateOf(first!.operation.id), 'running');
  assert.equal(await bench.stateOf(next.id), 'ready');
  assert.equal(await bench.stateOf(last.id), 'parked');
  const [claimed, ...more] = await bench.claimIds({ tasks: exact });
  assert.deepStrictEqual(more, []);
  const firstAgain = (await bench.record(first!.operation.id)).state === 'running';
  assert.equal(claimed, firstAgain ? first!.operation.id : next.id);
  assert.deepStrictEqual(await bench.claimIds({ tasks: exact }), []);
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

async function cancelled(bench: StoreBench): Promise<Operation> {
  const created = await bench.create();
  await bench.cancel(created.id);
  return decided(created, { type: 'cancel_requested' }, bench.now);
}

function ended(
  operation: Operation,
  p: Pick<EndedAttempt, 'endedAt' | 'outcome' | 'error' | 'retryAt'>,
): EndedAttempt {
  return {
    operationId: operation.id,
    number: operation.attempt,
    worker: operation.lease!.worker,
    startedAt: operation.attemptStartedAt!,
    ...p,
  };
}
