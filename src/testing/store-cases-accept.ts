import assert from 'node:assert/strict';
import { newOperation } from '../store/new-operation.ts';
import type { IdempotencyKey, NewOperation } from '../store/store.ts';
import type { StoreBench, StoreCase } from './store-bench.ts';

export const acceptCases: readonly StoreCase[] = [
  {
    title: 'an accepted operation reads back whole, with every member as given',
    async run(bench) {
      const plan = bench.planned({
        task: 'exports',
        tenant: 'acme',
        input: '{ "b": 1e400, "a": [1.0], "a": "\\u00e9" }',
        attemptsMax: 7,
        retentionMs: 123_456_789,
        priority: -42,
        readyAt: bench.now + 5_000,
        waitUntil: bench.now + 60_000,
        deadlineAt: bench.now + 3_600_000,
        concurrencyKey: 'customer 7',
        labels: { team: 'sales', region: '' },
        retryOf: 'op_00000000000000000000000000',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        idempotency: key({ expiresAt: bench.now + 1000 }),
        taskPendingMax: 5,
      });
      const outcomes = await bench.store.createOperations({
        operations: [plan],
        pendingMax: 10,
        now: bench.now,
      });
      const expected = newOperation(plan, bench.now);
      assert.equal(expected.state, 'scheduled');
      assert.deepStrictEqual(outcomes, [{ outcome: 'created', operation: expected }]);
      await bench.assertRecord(expected);
      assert.equal(await bench.store.readInput(plan), plan.input);
      assert.deepStrictEqual(await bench.store.listAttempts(plan), []);
      assert.equal(await bench.store.isGone(plan), false);
    },
  },
  {
    title: 'an operation due now or earlier is ready at once',
    async run(bench) {
      for (const readyAt of [bench.now - 1000, bench.now]) {
        const plan = bench.planned({ readyAt });
        assert.deepStrictEqual(await bench.create(plan), {
          ...newOperation(plan, bench.now),
          state: 'ready',
          readyAt,
        });
      }
    },
  },
  {
    title: 'many operations in one call get one outcome each, in order',
    async run(bench) {
      const twin = key({ key: 'twin', expiresAt: bench.now + 1000 });
      const plans = [
        bench.planned(),
        bench.planned({ idempotency: twin }),
        bench.planned({ idempotency: twin }),
        bench.planned({ idempotency: { ...twin, fingerprint: 'other' } }),
        bench.planned({ taskPendingMax: 2 }),
        bench.planned({ task: 'exports' }),
        bench.planned({ task: 'exports' }),
      ];
      const outcomes = await bench.store.createOperations({
        operations: plans,
        pendingMax: 3,
        now: bench.now,
      });
      const created = (i: number): object => newOperation(plans[i]!, bench.now);
      assert.deepStrictEqual(outcomes, [
        { outcome: 'created', operation: created(0) },
        { outcome: 'created', operation: created(1) },
        { outcome: 'replayed', operation: created(1) },
        { outcome: 'key_reused' },
        { outcome: 'queue_full', pending: 2, pendingMax: 2 },
        { outcome: 'created', operation: created(5) },
        { outcome: 'queue_full', pending: 3, pendingMax: 3 },
      ]);
      const kept = [plans[5]!.id, plans[1]!.id, plans[0]!.id];
      assert.deepStrictEqual(await bench.listIds(), kept);
      for (const i of [2, 3, 4, 6]) assert.equal(await bench.store.readOperation(plans[i]!), null);
    },
  },
  {
    title: 'a call without operations changes nothing',
    async run(bench) {
      assert.deepStrictEqual(
        await bench.store.createOperations({ operations: [], pendingMax: 0, now: bench.now }),
        [],
      );
      assert.deepStrictEqual(await bench.store.readTasks(), []);
    },
  },
  {
    title: 'odd text round trips: emoji, quotes, empty strings, a label called __proto__',
    async run(bench) {
      const odd = ['', ' ', '🧾👩‍👩‍👧', 'é/e\u0301', '\u2028\u2029\ufeff', `'"\\;--%_`, '\u0001\u007f'];
      for (const text of odd) {
        const labels = { [text]: text, ['__proto__']: text, constructor: 'x', '1': 'one' };
        const plan = bench.planned({
          labels,
          input: JSON.stringify({ text }),
          concurrencyKey: text,
          idempotency: key({ key: text, fingerprint: text, expiresAt: bench.now + 1000 }),
        });
        const operation = await bench.create(plan);
        assert.ok(Object.hasOwn(operation.labels, '__proto__'));
        await bench.assertRecord(newOperation(plan, bench.now));
        assert.equal(await bench.store.readInput(plan), plan.input);
        const replay = await bench.submit({ ...plan, id: bench.newId() });
        assert.deepStrictEqual(replay, { outcome: 'replayed', operation });
      }
    },
  },
  {
    title: 'an input of one mebibyte comes back byte for byte',
    async run(bench) {
      const input = JSON.stringify({ text: 'é🧾x'.repeat(140_000) });
      const { id } = await bench.create({ input });
      assert.equal(await bench.store.readInput({ id }), input);
      assert.equal((await bench.claim())[0]?.input, input);
    },
  },
  {
    title: 'what the caller does to its objects afterwards changes nothing kept',
    async run(bench) {
      const labels: Record<string, string> = { team: 'sales' };
      const plan = bench.planned({ labels });
      const expected = structuredClone(newOperation(plan, bench.now));
      await bench.create(plan);
      labels['team'] = 'changed';
      await bench.assertRecord(expected);
      const read = (await bench.record(plan.id)) as { task: string; labels: object };
      for (const change of [
        () => (read.task = 'changed'),
        () => Object.assign(read.labels, { team: 'changed' }),
      ]) {
        try {
          change();
        } catch (error) {
          assert.ok(error instanceof TypeError, 'frozen, which is fine');
        }
      }
      await bench.assertRecord(expected);
    },
  },
  {
    title: 'one key, one operation: the same request again is answered with it as it is now',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 10_000 });
      const first = await bench.create({ idempotency });
      const again = (): ReturnType<StoreBench['submit']> =>
        bench.submit({ idempotency: { ...idempotency, expiresAt: bench.now + 99_000 } });
      assert.deepStrictEqual(await again(), { outcome: 'replayed', operation: first });
      const { scope, fingerprint } = idempotency;
      const readKey = (p: { readonly scope?: string; readonly key?: string }, now = bench.now) =>
        bench.store.readIdempotencyKey({ scope, key: idempotency.key, ...p, now });
      assert.deepStrictEqual(await readKey({}), { fingerprint, operationId: first.id });
      assert.equal(await readKey({ scope: 'other' }), null);
      assert.equal(await readKey({ key: 'other' }), null);
      assert.equal(await readKey({}, bench.now + 10_000), null, 'it has expired by then');
      const [claimed] = await bench.claim();
      assert.deepStrictEqual(await again(), {
        outcome: 'replayed',
        operation: claimed!.operation,
      });
      const done = await bench.complete(claimed!.operation);
      bench.now += 9_999;
      assert.deepStrictEqual(await again(), { outcome: 'replayed', operation: done });
      assert.deepStrictEqual(await bench.listIds(), [first.id]);
    },
  },
  {
    title: 'a key with another request is refused, whatever became of its operation',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 10_000 });
      const other = { idempotency: { ...idempotency, fingerprint: 'other' } };
      const operation = await bench.completed({ idempotency });
      assert.deepStrictEqual(await bench.submit(other), { outcome: 'key_reused' });
      assert.equal(await bench.remove(operation.id), 'removed');
      assert.deepStrictEqual(await bench.submit(other), { outcome: 'key_reused' });
      assert.deepStrictEqual(await bench.listIds(), []);
    },
  },
  {
    title: 'a key whose operation was removed says so, and makes no second one',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 10_000_000 });
      const removed = await bench.completed({ idempotency });
      await bench.remove(removed.id);
      const gone = { outcome: 'replayed_gone', operationId: removed.id };
      assert.deepStrictEqual(await bench.submit({ idempotency }), gone);
      const other = key({ key: 'k2', expiresAt: bench.now + 10_000_000 });
      const expired = await bench.completed({ idempotency: other });
      bench.now = expired.expiresAt!;
      await bench.prune();
      assert.deepStrictEqual(await bench.submit({ idempotency: other }), {
        outcome: 'replayed_gone',
        operationId: expired.id,
      });
    },
  },
  {
    title: 'a key may be used anew once it has expired, pruned or not',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 10_000 });
      const first = await bench.create({ idempotency });
      bench.now += 9_999;
      assert.equal((await bench.submit({ idempotency })).outcome, 'replayed');
      bench.now += 1;
      const renewed = { ...idempotency, fingerprint: 'new', expiresAt: bench.now + 10_000 };
      const second = await bench.create({ idempotency: renewed });
      assert.notEqual(second.id, first.id);
      assert.deepStrictEqual(await bench.submit({ idempotency: renewed }), {
        outcome: 'replayed',
        operation: second,
      });
      assert.deepStrictEqual(await bench.prune(), {
        operations: 0,
        goneIds: 0,
        idempotencyKeys: 0,
        deliveries: 0,
        endpoints: 0,
      });
      bench.now += 10_000;
      assert.deepStrictEqual(await bench.prune(), {
        operations: 0,
        goneIds: 0,
        idempotencyKeys: 1,
        deliveries: 0,
        endpoints: 0,
      });
      await bench.create({ idempotency: key({ expiresAt: bench.now + 1 }) });
    },
  },
  {
    title: 'keys of different scopes never meet',
    async run(bench) {
      const expiresAt = bench.now + 1000;
      const ids = new Set<string>();
      for (const [scope, name] of [
        ['a', 'b:c'],
        ['a:b', 'c'],
        ['', 'a:b:c'],
        ['a b', 'c'],
        ['A', 'b:c'],
        ['a', 'B:c'],
      ] as const) {
        ids.add((await bench.create({ idempotency: key({ scope, key: name, expiresAt }) })).id);
      }
      assert.equal(ids.size, 6);
    },
  },
  {
    title: 'eight racing submits with one key make one operation',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 1000 });
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () => bench.submit({ idempotency })),
      );
      const [operation] = await bench.list();
      assert.deepStrictEqual(outcomes, [
        { outcome: 'created', operation },
        ...Array.from({ length: 7 }, () => ({ outcome: 'replayed', operation })),
      ]);
      assert.equal((await bench.list()).length, 1);
    },
  },
  {
    title: 'a call that cannot be done leaves nothing behind, and harms no other of its turn',
    async run(bench) {
      const known = await bench.create();
      const plans = [bench.planned(), bench.planned(), bench.planned({ id: known.id })] as const;
      const create = (...operations: NewOperation[]): Promise<unknown> =>
        bench.store.createOperations({ operations, pendingMax: 100, now: bench.now });
      const [before, culprit, twin, after, paused] = await Promise.allSettled([
        create(plans[0]),
        create(bench.planned({ idempotency: key({ expiresAt: bench.now + 1 }) }), plans[2]),
        create(...Array.from({ length: 2 }, () => bench.planned({ id: 'op_twin' }))),
        create(plans[1]),
        bench.store.setTaskPaused({ task: 'exports', paused: true }),
      ]);
      assert.deepStrictEqual(
        [before, culprit, twin, after, paused].map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
      );
      assert.deepStrictEqual(await bench.listIds(), [plans[1].id, plans[0].id, known.id]);
      assert.equal((await bench.task('exports'))?.paused, true);
      await bench.create({ idempotency: key({ expiresAt: bench.now + 1 }) });
    },
  },
  {
    title: 'a refused submit leaves no key behind',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 1000 });
      const full = await bench.submit({ idempotency }, { pendingMax: 0 });
      assert.deepStrictEqual(full, { outcome: 'queue_full', pending: 0, pendingMax: 0 });
      assert.deepStrictEqual(await bench.store.readTasks(), []);
      await bench.create({ idempotency });
    },
  },
  {
    title: 'a replay is answered while the queue is full',
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 1000 });
      const operation = await bench.create({ idempotency });
      const replay = await bench.submit({ idempotency, taskPendingMax: 1 }, { pendingMax: 1 });
      assert.deepStrictEqual(replay, { outcome: 'replayed', operation });
    },
  },
  {
    title: 'the caps count what is pending in any of its states, and nothing else',
    async run(bench) {
      await bench.completed();
      await bench.failed();
      await bench.running({ task: 'exports' });
      const full = (pending: number): object => ({
        outcome: 'queue_full',
        pending,
        pendingMax: pending,
      });
      await bench.create({ readyAt: bench.now + 1000 });
      await bench.create({ priority: 5, concurrencyKey: 'k' });
      await bench.create({ concurrencyKey: 'k' });
      const one = { name: 'reports', concurrency: null, keyConcurrency: 1 };
      assert.equal((await bench.claim({ tasks: [one] })).length, 1);
      // One operation is scheduled, one parked, one running.
      assert.deepStrictEqual(await bench.submit({ taskPendingMax: 2 }), full(2));
      assert.deepStrictEqual(await bench.submit({}, { pendingMax: 2 }), full(2));
      assert.deepStrictEqual(await bench.submit({ task: 'exports' }, { pendingMax: 2 }), full(2));
      const both = await bench.submit({ taskPendingMax: 1 }, { pendingMax: 1 });
      assert.deepStrictEqual(both, { outcome: 'queue_full', pending: 2, pendingMax: 1 });
      await bench.create({ task: 'exports', taskPendingMax: 1 });
      const taskFirst = await bench.submit(
        { task: 'exports', taskPendingMax: 1 },
        { pendingMax: 3 },
      );
      assert.deepStrictEqual(taskFirst, full(1));
      await bench.create({ taskPendingMax: 3 });
    },
  },
  {
    title:
      'a place in the queue is free again after a claim, a cancel and a wait that was too long',
    async run(bench) {
      const one = { taskPendingMax: 1, waitUntil: bench.now + 100 } satisfies Partial<NewOperation>;
      await bench.running(one);
      const { id } = await bench.create(one);
      assert.equal((await bench.submit(one, { pendingMax: 1 })).outcome, 'queue_full');
      await bench.cancel(id);
      await bench.create(one);
      bench.now += 100;
      assert.equal((await bench.sweep()).changed.length, 1);
      await bench.create({ taskPendingMax: 1 });
    },
  },
  {
    title: 'what was accepted is there after reopening, keys and all',
    durable: true,
    async run(bench) {
      const idempotency = key({ expiresAt: bench.now + 1000 });
      const plan = bench.planned({ idempotency, labels: { a: 'b' }, input: '[1]' });
      await bench.create(plan);
      const running = await bench.running({ task: 'exports' });
      await bench.reopen!();
      await bench.assertRecord(newOperation(plan, bench.now));
      await bench.assertRecord(running);
      assert.equal(await bench.store.readInput(plan), '[1]');
      assert.equal((await bench.submit({ idempotency })).outcome, 'replayed');
      assert.deepStrictEqual(await bench.claimIds(), [plan.id]);
    },
  },
];

function key(p: Partial<IdempotencyKey> & Pick<IdempotencyKey, 'expiresAt'>): IdempotencyKey {
  return { scope: '/reports', key: 'k1', fingerprint: 'f1', ...p };
}
