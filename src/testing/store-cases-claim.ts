import assert from 'node:assert/strict';
import { limits } from '../core/limits.ts';
import type { Operation } from '../core/operation.ts';
import type { ClaimTask } from '../store/store.ts';
import { completedBy, type StoreCase } from './store-bench.ts';

/** Claims, their order and limits; parked operations. */
export const claimCases: readonly StoreCase[] = [
  {
    title: 'a claimed operation runs under a new lease, and comes with its input',
    async run(bench) {
      const created = await bench.create({ input: '{"a":1}', waitUntil: bench.now + 1000 });
      bench.now += 10;
      const [claimed, ...others] = await bench.claim({ worker: 'w7' });
      assert.deepStrictEqual(others, []);
      const event = { type: 'claimed', worker: 'w7', token: 'token-1', leaseMs: bench.leaseMs };
      const expected = await bench.assertDecided(created, event as never);
      assert.deepStrictEqual(claimed, { operation: expected, input: '{"a":1}' });
      assert.equal(expected.waitUntil, null);
      assert.equal(expected.attempt, 1);
    },
  },
  {
    title: 'the best goes first over all tasks: priority, then the longest ready, then id',
    async run(bench) {
      const early = bench.now - 500;
      const a = await bench.create();
      const b = await bench.create({ task: 'exports' });
      const c = await bench.create({ task: 'exports', readyAt: early });
      const d = await bench.create({ priority: -1, readyAt: early });
      const e = await bench.create({ priority: 100 });
      const f = await bench.create({ task: 'exports', priority: 1 });
      const order = [e, f, c, a, b, d].map(({ id }) => id);
      const tasks = ['exports', 'reports'];
      const claimed: string[] = [];
      for (let i = 0; i < 7; i += 1) claimed.push(...(await bench.claimIds({ tasks, limit: 1 })));
      assert.deepStrictEqual(claimed, order);
    },
  },
  {
    title: 'one claim hands out best first, each under a token of its own',
    async run(bench) {
      for (const priority of [1, 3, 2]) await bench.create({ priority });
      const claimed = await bench.claim({ limit: 2 });
      assert.deepStrictEqual(
        claimed.map(({ operation }) => [operation.priority, operation.lease?.token]),
        [
          [3, 'token-1'],
          [2, 'token-2'],
        ],
      );
      assert.equal((await bench.claim())[0]?.operation.lease?.token, 'token-3');
    },
  },
  {
    title: 'an operation is claimed once, however many claims race',
    async run(bench) {
      for (let i = 0; i < 10; i += 1) await bench.create();
      const claims = await Promise.all(
        Array.from({ length: 5 }, (_, i) => bench.claimIds({ limit: 3, worker: `w${i}` })),
      );
      assert.equal(new Set(claims.flat()).size, 10);
      assert.deepStrictEqual(claims.flat().length, 10);
    },
  },
  {
    title: 'only tasks that were asked for are claimed',
    async run(bench) {
      await bench.create({ task: 'exports' });
      const { id } = await bench.create();
      assert.deepStrictEqual(await bench.claimIds({ tasks: [] }), []);
      assert.deepStrictEqual(await bench.claimIds({ tasks: ['unknown'] }), []);
      assert.deepStrictEqual(await bench.claimIds({ tasks: ['reports', 'unknown'] }), [id]);
      assert.deepStrictEqual(
        (await bench.store.readTasks()).map(({ task }) => task),
        ['exports', 'reports'],
      );
    },
  },
  {
    title: 'a delayed operation is not claimed before its time',
    async run(bench) {
      const dueAt = bench.now + 1000;
      const { id } = await bench.create({ readyAt: dueAt });
      await bench.create({ readyAt: dueAt + 5000, task: 'exports' });
      assert.equal(await bench.nextDueAt(), dueAt);
      assert.equal(await bench.nextDueAt(['exports', 'reports']), dueAt);
      bench.now = dueAt - 1;
      assert.equal(await bench.nextDueAt(), dueAt);
      bench.now = dueAt;
      assert.deepStrictEqual(await bench.claimIds(), [id]);
      assert.equal(await bench.nextDueAt(), null);
      assert.equal(await bench.nextDueAt(['exports']), dueAt + 5000);
    },
  },
  {
    title: 'what is due becomes ready at the claim, also when other work is taken',
    async run(bench) {
      const later = await bench.create({ readyAt: bench.now + 10, priority: -1 });
      const sooner = await bench.create({ readyAt: bench.now + 5 });
      bench.now += 10;
      assert.deepStrictEqual(await bench.claimIds({ limit: 1 }), [sooner.id]);
      await bench.assertDecided(later, { type: 'due' });
      assert.equal((await bench.task())?.oldestPendingAt, later.readyAt);
    },
  },
  {
    title: 'a start further ahead than any legal delay counts as due: the clock was wrong',
    async run(bench) {
      const past = await bench.create({ readyAt: bench.now + limits.delayMsMax });
      const { id } = await bench.create({ readyAt: bench.now + limits.delayMsMax + 1 });
      assert.deepStrictEqual(await bench.claimIds(), [id]);
      assert.equal(await bench.stateOf(past.id), 'scheduled');
    },
  },
  {
    title: 'no more attempts of a task run at once than its limit, over all workers',
    async run(bench) {
      const tasks = [limited({ concurrency: 2 }), 'exports'] as const;
      for (let i = 0; i < 4; i += 1) await bench.create({ priority: 1 });
      const free = await bench.create({ task: 'exports' });
      const [first, second, third] = await bench.claim({ tasks });
      assert.deepStrictEqual(third?.operation.id, free.id);
      assert.deepStrictEqual(await bench.claimIds({ tasks, worker: 'w2' }), []);
      await bench.complete(first!.operation);
      const [fourth] = await bench.claim({ tasks, worker: 'w2' });
      assert.deepStrictEqual(await bench.claimIds({ tasks }), []);
      await bench.fail(second!.operation, bench.now + 50);
      await bench.release(fourth!.operation);
      assert.equal((await bench.claimIds({ tasks })).length, 2);
      assert.deepStrictEqual(await bench.claimIds({ tasks }), []);
    },
  },
  {
    title: 'a limit of zero stops a task; a raised or lifted limit holds from the next claim on',
    async run(bench) {
      for (let i = 0; i < 6; i += 1) await bench.create();
      const claimed = async (concurrency: number | null): Promise<number> =>
        (await bench.claim({ tasks: [limited({ concurrency })] })).length;
      assert.equal(await claimed(0), 0);
      assert.equal(await claimed(1), 1);
      assert.equal(await claimed(3), 2);
      assert.equal(await claimed(2), 0);
      assert.equal(await claimed(null), 3);
    },
  },
  {
    title: 'no more attempts with one key run at once than the limit; other keys pass by',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 1 })];
      const a1 = await bench.create({ concurrencyKey: 'a', priority: 3 });
      const a2 = await bench.create({ concurrencyKey: 'a', priority: 2 });
      const b1 = await bench.create({ concurrencyKey: 'b', priority: 1 });
      const none = await bench.create();
      const none2 = await bench.create();
      const claimed = await bench.claimIds({ tasks });
      assert.deepStrictEqual(claimed, [a1.id, b1.id, none.id, none2.id]);
      await bench.assertDecided(a2, { type: 'parked' });
      assert.deepStrictEqual(await bench.claimIds({ tasks }), []);
    },
  },
  {
    title: 'one key in two tasks is two keys',
    async run(bench) {
      const tasks = [
        limited({ keyConcurrency: 1 }),
        limited({ keyConcurrency: 1, name: 'exports' }),
      ];
      const a = await bench.create({ concurrencyKey: 'a' });
      const b = await bench.create({ concurrencyKey: 'a', task: 'exports' });
      assert.deepStrictEqual(await bench.claimIds({ tasks }), [a.id, b.id]);
    },
  },
  {
    title: 'when a slot of a key frees, the best parked one of that key is ready at once',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 2 })];
      const keyed = { concurrencyKey: 'a' };
      for (let i = 0; i < 2; i += 1) await bench.create({ ...keyed, priority: 9 });
      const low = await bench.create({ ...keyed, priority: 1 });
      const late = await bench.create({ ...keyed, priority: 2, readyAt: bench.now - 1 });
      const best = await bench.create({ ...keyed, priority: 2, readyAt: bench.now - 2 });
      const [x, y] = await bench.claim({ tasks });
      const states = (): Promise<string[]> =>
        Promise.all([best, late, low].map(({ id }) => bench.stateOf(id)));
      assert.deepStrictEqual(await states(), ['parked', 'parked', 'parked']);
      await bench.complete(x!.operation);
      assert.deepStrictEqual(await states(), ['ready', 'parked', 'parked']);
      await bench.complete(y!.operation);
      assert.deepStrictEqual(await states(), ['ready', 'ready', 'parked']);
      assert.deepStrictEqual(await bench.claimIds({ tasks }), [best.id, late.id]);
      assert.deepStrictEqual(await states(), ['running', 'running', 'parked']);
    },
  },
  {
    title: 'a better one that came later takes the slot that freed',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 1 })];
      const running = await bench.create({ concurrencyKey: 'a' });
      const parked = await bench.create({ concurrencyKey: 'a' });
      const [claimed] = await bench.claim({ tasks });
      assert.equal(claimed?.operation.id, running.id);
      const better = await bench.create({ concurrencyKey: 'a', priority: 1 });
      await bench.complete(claimed.operation);
      assert.deepStrictEqual(await bench.claimIds({ tasks }), [better.id]);
      assert.equal(await bench.stateOf(parked.id), 'parked');
    },
  },
  {
    title: 'nothing stays parked when the slot it waited for was handed to one that never ran',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 1 })];
      const keyed = { concurrencyKey: 'a' };
      await bench.create({ ...keyed, priority: 9 });
      const second = await bench.create({ ...keyed, priority: 8 });
      const third = await bench.create({ ...keyed, priority: 7 });
      const [first] = await bench.claim({ tasks });
      await bench.complete(first!.operation);
      assert.equal((await bench.cancel(second.id)).outcome, 'cancelled');
      assert.deepStrictEqual(await bench.claimIds({ tasks }), [third.id]);
    },
  },
  {
    title: 'a raised or lifted key limit lets parked ones go at the next claim, in order',
    async run(bench) {
      const ids: string[] = [];
      for (let i = 0; i < 6; i += 1) {
        ids.push((await bench.create({ concurrencyKey: 'a', priority: -i })).id);
      }
      const claim = (keyConcurrency: number | null): Promise<string[]> =>
        bench.claimIds({ tasks: [limited({ keyConcurrency })] });
      assert.deepStrictEqual(await claim(1), ids.slice(0, 1));
      assert.deepStrictEqual(await claim(3), ids.slice(1, 3));
      assert.deepStrictEqual(await claim(2), []);
      assert.deepStrictEqual(await claim(null), ids.slice(3));
    },
  },
  {
    title: 'a raised key limit is given out best first among parked and new ones',
    async run(bench) {
      const claim = (keyConcurrency: number): Promise<string[]> =>
        bench.claimIds({ tasks: [limited({ keyConcurrency })] });
      const first = await bench.create({ concurrencyKey: 'a' });
      const parked = await bench.create({ concurrencyKey: 'a' });
      assert.deepStrictEqual(await claim(1), [first.id]);
      const worse = await bench.create({ concurrencyKey: 'a', priority: -5 });
      assert.deepStrictEqual(await claim(2), [parked.id]);
      assert.deepStrictEqual(await claim(3), [worse.id]);
    },
  },
  {
    title: 'a parked operation can be cancelled, and it can wait too long',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 1 })];
      const keyed = { concurrencyKey: 'a', waitUntil: bench.now + 1000 };
      await bench.create({ ...keyed, priority: 1 });
      const cancelled = await bench.create(keyed);
      const slow = await bench.create(keyed);
      await bench.claim({ tasks });
      const parked = await bench.record(cancelled.id);
      assert.equal(parked.state, 'parked');
      await bench.cancel(parked.id);
      await bench.assertDecided(parked, { type: 'cancel_requested' });
      const waiting = await bench.record(slow.id);
      bench.now += 1000;
      assert.equal((await bench.sweep()).changed.length, 1);
      await bench.assertDecided(waiting, { type: 'waited_too_long' });
    },
  },
  {
    title: 'hundreds of parked ones of one key do not hide what is behind them',
    async run(bench) {
      const tasks = [limited({ keyConcurrency: 1 })];
      const operations = Array.from({ length: 1500 }, () =>
        bench.planned({ concurrencyKey: 'a', priority: 1 }),
      );
      await bench.store.createOperations({ operations, pendingMax: 10_000, now: bench.now });
      const behind = await bench.create();
      const claimed: string[] = [];
      for (let again = true, claims = 0; again; claims += 1) {
        assert.ok(claims < 20, 'claims get on');
        const outcome = await bench.store.claimOperations({
          worker: 'w1',
          newToken: bench.newToken,
          leaseMs: bench.leaseMs,
          limit: 10,
          now: bench.now,
          tasks,
        });
        claimed.push(...outcome.claimed.map(({ operation }) => operation.id));
        again = outcome.nextDueAt === bench.now;
        assert.ok(again || outcome.nextDueAt === null);
      }
      assert.deepStrictEqual(claimed, [operations[0]!.id, behind.id]);
    },
  },
  {
    title: 'four racing workers drain hundreds of operations, each once, never above a limit',
    async run(bench) {
      const tasks = [
        limited({ concurrency: 6, keyConcurrency: 2 }),
        limited({ name: 'exports', concurrency: 5, keyConcurrency: 1 }),
      ];
      const operations = Array.from({ length: 240 }, (_, i) =>
        bench.planned({
          task: tasks[i % 2]!.name,
          priority: (i * 7) % 3,
          concurrencyKey: i % 5 === 0 ? null : `k${i % 7}`,
        }),
      );
      await bench.store.createOperations({ operations, pendingMax: 1000, now: bench.now });
      const done: string[] = [];
      let running: Operation[] = [];
      for (let round = 0; done.length < operations.length; round += 1) {
        assert.ok(round < 240, 'every round gets something done');
        const claims = await Promise.all(
          ['w1', 'w2', 'w3', 'w4'].map((worker) => bench.claim({ worker, limit: 3, tasks })),
        );
        running.push(...claims.flat().map(({ operation }) => operation));
        for (const { name, concurrency, keyConcurrency } of tasks) {
          const own = running.filter(({ task }) => task === name);
          assert.ok(own.length <= concurrency!, `${own.length} of ${name} run`);
          const keys = own.map((o) => o.concurrencyKey).filter((key) => key !== null);
          for (const key of keys) {
            const same = keys.filter((other) => other === key).length;
            assert.ok(same <= keyConcurrency!, `${same} of ${key} run`);
          }
        }
        const ending = running.filter((_, i) => (i + round) % 2 === 0 || running.length === 1);
        const outcomes = await Promise.all(ending.map((o) => bench.settle(completedBy(o))));
        assert.ok(outcomes.flat().every((outcome) => outcome === 'applied'));
        done.push(...ending.map(({ id }) => id));
        running = running.filter((o) => !ending.includes(o));
      }
      assert.deepStrictEqual(done.toSorted(), operations.map(({ id }) => id).toSorted());
    },
  },
  {
    title: 'a submit, a settle and a claim of one turn see each other',
    async run(bench) {
      const tasks = [limited({ concurrency: 1 })];
      const first = await bench.create();
      const [running] = await bench.claim({ tasks });
      assert.equal(running?.operation.id, first.id);
      const plan = bench.planned();
      const [, , claimed] = await Promise.all([
        bench.complete(running.operation),
        bench.store.createOperations({ operations: [plan], pendingMax: 9, now: bench.now }),
        bench.claimIds({ tasks }),
      ]);
      assert.deepStrictEqual(claimed, [plan.id]);
    },
  },
];

function limited(p: Partial<ClaimTask>): ClaimTask {
  return { name: 'reports', concurrency: null, keyConcurrency: null, ...p };
}
