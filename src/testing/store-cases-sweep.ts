import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

/** Lost workers and long waits. */
export const sweepCases: readonly StoreCase[] = [
  {
    title: 'an attempt whose lease ran out is recovered, uncounted',
    async run(bench) {
      const running = await bench.running();
      bench.now += bench.leaseMs - 1;
      assert.deepStrictEqual(await bench.sweep(), { changed: [], more: false });
      bench.now += 1;
      const expected = lost(running, bench);
      assert.deepStrictEqual(await bench.sweep(), { changed: [expected], more: false });
      assert.equal((await bench.record(running.id)).attempt, 0);
      assert.deepStrictEqual(await bench.store.listAttempts(running), [
        {
          operationId: running.id,
          number: 1,
          worker: 'w1',
          startedAt: running.attemptStartedAt,
          endedAt: bench.now,
          outcome: 'lost',
          error: null,
          retryAt: bench.now,
        },
      ]);
      assert.deepStrictEqual(await bench.claimIds(), [running.id]);
    },
  },
  {
    title: 'leases of a dead worker are recovered at once',
    async run(bench) {
      const [a, b] = [await bench.running(), await bench.running({ task: 'exports' })];
      const waiting = await bench.create();
      const { changed } = await bench.sweep({ workerDead: true });
      assert.deepStrictEqual(ids(changed), [a.id, b.id]);
      await bench.assertRecord(waiting);
      assert.deepStrictEqual(await bench.sweep({ workerDead: true }), { changed: [], more: false });
    },
  },
  {
    title: 'an operation that lost too many workers fails',
    async run(bench) {
      const { id } = await bench.create();
      for (const recoveries of [1, 2]) {
        await bench.claim();
        const { changed } = await bench.sweep({ workerDead: true, recoveriesMax: 3 });
        assert.deepStrictEqual(
          changed.map((o) => [o.state, o.recoveries, o.attempt]),
          [['ready', recoveries, 0]],
        );
      }
      const [third] = await bench.claim();
      await bench.sweep({ workerDead: true, recoveriesMax: 3 });
      const failed = await bench.assertDecided(third!.operation, {
        type: 'lease_expired',
        recoveriesMax: 3,
        workerDead: true,
      });
      assert.equal(failed.error?.code, 'worker_lost');
      const attempts = await bench.store.listAttempts({ id });
      assert.deepStrictEqual(
        attempts.map(({ outcome, retryAt }) => [outcome, retryAt]),
        [
          ['lost', bench.now],
          ['lost', bench.now],
          ['lost', null],
        ],
      );
      assert.deepStrictEqual(attempts[2]?.error, failed.error);
    },
  },
  {
    title: 'an operation of a task that bears more losses goes on past the cap of the others',
    async run(bench) {
      const own = { names: new Set(['exports']), recoveriesMax: 3 };
      const lost = { recoveriesMax: 1, own, workerDead: true } as const;
      const other = await bench.running();
      let running = await bench.running({ task: 'exports' });
      for (const recoveries of [1, 2]) {
        await bench.sweep(lost);
        const { state, ...now } = await bench.record(running.id);
        assert.deepStrictEqual([state, now.recoveries], ['ready', recoveries]);
        const [again] = await bench.claim({ tasks: ['exports'] });
        running = again!.operation;
      }
      await bench.sweep(lost);
      const failed = await bench.assertDecided(running, { type: 'lease_expired', ...lost });
      assert.deepStrictEqual([failed.error?.code, failed.recoveries], ['worker_lost', 3]);
      assert.equal((await bench.record(other.id)).error?.code, 'worker_lost');
    },
  },
  {
    title: 'attempts of a worker that was ended to make way are handed back, however often',
    async run(bench) {
      const { id } = await bench.create();
      const replaced = { workerDead: true, workerReplaced: true, recoveriesMax: 1 } as const;
      for (let times = 0; times < 2; times += 1) {
        const [claimed] = await bench.claim();
        await bench.sweep(replaced);
        const event = { type: 'lease_expired', ...replaced } as const;
        const { state, recoveries } = await bench.assertDecided(claimed!.operation, event);
        assert.deepStrictEqual([state, recoveries], ['ready', 0]);
      }
      const attempts = await bench.store.listAttempts({ id });
      assert.deepStrictEqual(
        attempts.map(({ outcome }) => outcome),
        ['released', 'released'],
      );
    },
  },
  {
    title: 'a lost attempt whose cancel was wished for is cancelled',
    async run(bench) {
      const { id } = await bench.running();
      await bench.cancel(id);
      const before = await bench.record(id);
      await bench.sweep({ workerDead: true });
      const event = { type: 'lease_expired', recoveriesMax: 3, workerDead: true } as const;
      assert.equal((await bench.assertDecided(before, event)).error?.code, 'cancelled');
    },
  },
  {
    title: 'a lost attempt past its deadline fails with it',
    async run(bench) {
      const running = await bench.running({ deadlineAt: bench.now + 100 });
      bench.now += 100;
      await bench.sweep({ workerDead: true });
      const event = { type: 'lease_expired', recoveriesMax: 3, workerDead: true } as const;
      assert.equal((await bench.assertDecided(running, event)).error?.code, 'deadline_exceeded');
    },
  },
  {
    title:
      'a lease further ahead than any legal one counts as expired: the clock went back in a restart',
    async run(bench) {
      const running = await bench.running();
      const { expiresAt } = running.lease!;
      await bench.reopen?.();
      bench.now = expiresAt - limits.leaseMsMax;
      assert.deepStrictEqual((await bench.sweep()).changed, []);
      bench.now -= 1;
      const expected = lost(running, bench);
      assert.deepStrictEqual((await bench.sweep()).changed, [expected]);
      await bench.assertRecord(expected);
    },
  },
  {
    title: 'an operation that no attempt was started for in time fails with queue_timeout',
    async run(bench) {
      const waitUntil = bench.now + 1000;
      const ready = await bench.create({ waitUntil });
      const scheduled = await bench.create({ waitUntil, readyAt: bench.now + 5000 });
      const untimed = await bench.create();
      bench.now = waitUntil - 1;
      assert.deepStrictEqual(await bench.sweep(), { changed: [], more: false });
      bench.now = waitUntil;
      const { changed, more } = await bench.sweep();
      assert.equal(more, false);
      assert.deepStrictEqual(ids(changed), [ready.id, scheduled.id]);
      for (const before of [ready, scheduled]) {
        const failed = await bench.assertDecided(before, { type: 'waited_too_long' });
        assert.equal(failed.error?.code, 'queue_timeout');
        assert.deepStrictEqual(
          changed.find(({ id }) => id === before.id),
          failed,
        );
        assert.deepStrictEqual(await bench.store.listAttempts(before), []);
      }
      assert.deepStrictEqual(await bench.claimIds(), [untimed.id]);
    },
  },
  {
    title: 'the queue timeout ends with the first attempt',
    async run(bench) {
      const running = await bench.running({ waitUntil: bench.now + 100 });
      const waiting = await bench.fail(running, bench.now + 5_000);
      bench.now += 200;
      assert.deepStrictEqual((await bench.sweep()).changed, []);
      await bench.assertRecord(waiting);
    },
  },
  {
    title: 'a deadline fails what waits, before the first attempt or between two',
    async run(bench) {
      const deadlineAt = bench.now + 1000;
      const fresh = await bench.create({ deadlineAt, waitUntil: bench.now + 500_000 });
      const running = await bench.running({ deadlineAt, task: 'exports' });
      const between = await bench.fail(running, deadlineAt - 1);
      bench.now = deadlineAt - 1;
      assert.deepStrictEqual((await bench.sweep()).changed, []);
      bench.now = deadlineAt;
      assert.deepStrictEqual(ids((await bench.sweep()).changed), [fresh.id, between.id]);
      for (const before of [fresh, between]) {
        const failed = await bench.assertDecided(before, { type: 'waited_too_long' });
        assert.equal(failed.error?.code, 'deadline_exceeded');
      }
    },
  },
  {
    title: 'a running attempt past its deadline is left to its worker',
    async run(bench) {
      const running = await bench.running({ deadlineAt: bench.now + 10, waitUntil: bench.now + 5 });
      bench.now += 100;
      assert.deepStrictEqual((await bench.sweep()).changed, []);
      await bench.assertRecord(running);
      assert.equal((await bench.complete(running)).state, 'completed');
    },
  },
  {
    title: 'a released attempt past its deadline fails at the next sweep',
    async run(bench) {
      const running = await bench.running({ deadlineAt: bench.now + 10 });
      bench.now += 10;
      const released = await bench.release(running);
      assert.deepStrictEqual(ids((await bench.sweep()).changed), [running.id]);
      await bench.assertDecided(released, { type: 'waited_too_long' });
    },
  },
  {
    title: 'a sweep stops at its limit and says so; the next goes on',
    async run(bench) {
      const expected: string[] = [];
      for (let i = 0; i < 5; i += 1) {
        expected.push((await bench.running()).id);
        expected.push((await bench.create({ task: 'exports', waitUntil: bench.now + 10 })).id);
      }
      bench.now += bench.leaseMs;
      const changed: Operation[] = [];
      for (let more = true, sweeps = 0; more; sweeps += 1) {
        assert.ok(sweeps < 10, 'sweeps get on');
        const swept = await bench.sweep({ limit: 3 });
        assert.ok(swept.changed.length <= 3);
        assert.ok(swept.changed.length === 3 || !swept.more);
        changed.push(...swept.changed);
        more = swept.more;
      }
      assert.deepStrictEqual(ids(changed), expected);
    },
  },
  {
    title: 'a sweep leaves alone what is healthy',
    async run(bench) {
      const healthy = [
        await bench.completed({ deadlineAt: bench.now + 1, waitUntil: bench.now + 1 }),
        await bench.failed({ deadlineAt: bench.now + 1 }),
        await bench.running(),
        await bench.create(),
        await bench.create({ readyAt: bench.now + 10_000 }),
      ];
      bench.now += 10;
      assert.deepStrictEqual(await bench.sweep(), { changed: [], more: false });
      for (const operation of healthy) await bench.assertRecord(operation);
    },
  },
];

/** How a running operation that goes on looks after the loss of its worker. */
function lost(running: Operation, bench: StoreBench): Operation {
  return {
    ...running,
    state: 'ready',
    version: running.version + 1,
    attempt: running.attempt - 1,
    recoveries: running.recoveries + 1,
    attemptStartedAt: null,
    lease: null,
    readyAt: Math.min(running.readyAt, bench.now),
  };
}

function ids(operations: readonly Operation[]): string[] {
  return operations.map(({ id }) => id).sort();
}
