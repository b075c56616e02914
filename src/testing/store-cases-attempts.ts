import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { EndedAttempt, Operation } from '../core/operation.ts';
import { cancelledError } from '../core/transitions.ts';
import { meanDurationMs } from '../store/durations.ts';
import type { Settlement } from '../store/store.ts';
import {
  completedBy,
  failedBy,
  inlineResult,
  taskError,
  tokenOf,
  type StoreBench,
  type StoreCase,
} from './store-bench.ts';

/** How attempts end, and how their slots become free. */
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
      await bench.cancelled();
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

/**
 * With one slot for the task and one for the key, the next operation of the key starts as soon as
 * the first ends.
 */
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
